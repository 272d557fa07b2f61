"""A real browser on another origin, and a rebinding host name, can neither read nor write."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from harness.browser import chromium
from harness.otlp import PROTOBUF, logs_request
from harness.server import FlyballProcess, running
from playwright.sync_api import Page

pytestmark = pytest.mark.e2e

_ATTACKS = """
async ([target, otlp]) => {
  const results = {};
  const attempt = async (name, act) => {
    try { results[name] = await act(); } catch (error) { results[name] = 'refused: ' + error.name; }
  };
  const change = JSON.stringify({service: 'attacked', version: 'evil'});
  const read = async (url, options) => { const r = await fetch(url, options); return 'read ' + r.status + ' ' + (await r.text()).slice(0, 40); };
  await attempt('read', () => read(target + '/api/v1/logs'));
  await attempt('read page', () => read(target + '/'));
  await attempt('read health', () => read(target + '/healthz'));
  await attempt('write json', () => read(target + '/api/v1/changes', {method: 'POST', headers: {'content-type': 'application/json'}, body: change}));
  await attempt('write text', () => read(target + '/api/v1/changes', {method: 'POST', headers: {'content-type': 'text/plain'}, body: change}));
  await attempt('write blind', async () => { await fetch(target + '/api/v1/changes', {method: 'POST', mode: 'no-cors', headers: {'content-type': 'text/plain'}, body: change}); return 'sent'; });
  await attempt('otlp blind', async () => { await fetch(otlp + '/v1/logs', {method: 'POST', mode: 'no-cors', body: '{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"attacked"}}]},"scopeLogs":[{"logRecords":[{"body":{"stringValue":"evil"}}]}]}]}'}); return 'sent'; });
  await attempt('beacon', async () => String(navigator.sendBeacon(target + '/api/v1/changes', new Blob([change], {type: 'text/plain'}))));
  await attempt('mcp', () => read(target + '/mcp', {method: 'POST', headers: {'content-type': 'application/json'}, body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'}));
  await attempt('frame', () => new Promise(done => {
    const frame = document.createElement('iframe');
    frame.onload = () => { let text = 'blocked'; try { text = 'read ' + frame.contentDocument.body.innerText; } catch (error) { text = 'refused: ' + error.name; } done(text); };
    frame.src = target + '/';
    document.body.append(frame);
    setTimeout(() => done('blocked'), 3000);
  }));
  const form = document.createElement('form');
  form.method = 'POST'; form.enctype = 'text/plain'; form.action = target + '/api/v1/changes'; form.target = 'nowhere';
  const field = document.createElement('input');
  field.name = '{"service":"attacked","version":"evil","x":"'; field.value = '"}';
  form.append(field); document.body.append(form);
  const hidden = document.createElement('iframe'); hidden.name = 'nowhere'; document.body.append(hidden);
  form.submit();
  await new Promise(done => setTimeout(done, 1000));
  return results;
}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlyballProcess]:
    with running(tmp_path_factory.mktemp("sites") / "data") as process:
        request = logs_request(["a secret plan"], service="private")
        httpx.post(f"{process.otlp_url}/v1/logs", content=request.SerializeToString(), headers=PROTOBUF)
        process.settled()
        yield process


@pytest.fixture(scope="module")
def other_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A web site of somebody else, on this machine: another origin."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "index.html").write_text("<!doctype html><title>another site</title>")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    def handler(*args: object) -> Quiet:
        return Quiet(*args, directory=str(folder))  # pyright: ignore[reportArgumentType]

    site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)  # pyright: ignore[reportArgumentType]
    thread = threading.Thread(target=site.serve_forever, daemon=True)
    thread.start()
    yield f"http://localhost:{site.server_address[1]}"
    site.shutdown()
    site.server_close()


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with chromium("--host-resolver-rules=MAP rebound.example 127.0.0.1") as opened:
        yield opened


def nothing_was_written(server: FlyballProcess) -> None:
    time.sleep(1.5)
    changes = httpx.get(f"{server.url}/api/v1/changes").json()["changes"]
    assert [c for c in changes if c["service"] == "attacked"] == []
    logs = httpx.get(f"{server.url}/api/v1/logs", params={"service": "attacked"}).json()["records"]
    assert logs == []


def test_another_origin_can_neither_read_nor_write(
    server: FlyballProcess, other_site: str, page: Page
) -> None:
    page.goto(other_site)
    results = page.evaluate(_ATTACKS, [server.url, server.otlp_url])
    assert [name for name, result in results.items() if result.startswith("read ")] == [], results
    nothing_was_written(server)


def test_a_rebinding_host_name_can_neither_read_nor_write(server: FlyballProcess, page: Page) -> None:
    for address in (
        f"http://rebound.example:{server.port}",
        f"http://rebound.example:{server.otlp_http_port}",
    ):
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == 403
        assert "a secret plan" not in page.content()
    page.goto(f"http://rebound.example:{server.port}/")
    target = f"http://rebound.example:{server.port}"
    results = page.evaluate(_ATTACKS, [target, f"http://rebound.example:{server.otlp_http_port}"])
    assert [name for name, result in results.items() if result.startswith("read 2")] == [], results
    nothing_was_written(server)


def test_the_page_itself_works_in_the_browser(server: FlyballProcess, page: Page) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    answer = page.goto(f"{server.url}/")
    assert answer is not None
    assert answer.status == 200
    assert "a secret plan" in page.content()
    assert complaints == []


def test_a_followed_link_opens_the_page(server: FlyballProcess, other_site: str, page: Page) -> None:
    page.goto(other_site)
    page.evaluate(
        "target => { const a = document.createElement('a'); a.href = target; document.body.append(a); a.click(); }",
        server.url,
    )
    page.wait_for_url(f"{server.url}/", timeout=5000)
    assert "flyball" in page.content()
