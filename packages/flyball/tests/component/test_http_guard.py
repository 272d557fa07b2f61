"""The guard of every HTTP port, header by header."""

from __future__ import annotations

import httpx
import pytest
from flyball.component.http_guard import HttpGuard, Receive, Scope, Send, is_loopback

pytestmark = pytest.mark.anyio

TOKEN = "a-token-of-enough-length"  # noqa: S105 - it guards nothing


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    del scope, receive
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"inside"})


async def ask(headers: dict[str, str], *, method: str = "GET", token: str = "") -> httpx.Response:
    guard = HttpGuard(_app, allowed_hosts=("flyball.internal", "named:4318"), token=token)
    transport = httpx.ASGITransport(guard)  # pyright: ignore[reportArgumentType]
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:4320") as client:
        return await client.request(method, "/", headers=headers)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:4320",
        "localhost",
        "localhost:4320",
        "[::1]:4320",
        "LOCALHOST",
        "flyball.internal:9",
        "named:4318",
    ],
)
async def test_our_own_names_pass(host: str) -> None:
    assert (await ask({"host": host})).text == "inside"


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:4320",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "[::2]:4320",
        "named:1",
    ],
)
async def test_other_names_are_refused(host: str) -> None:
    answer = await ask({"host": host})
    assert answer.status_code == 403
    assert "allowed_hosts" in answer.json()["error"]


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:8000", "https://localhost:4320"]
)
async def test_another_origin_is_refused_for_reading_and_writing(origin: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        answer = await ask({"host": "127.0.0.1:4320", "origin": origin}, method=method)
        assert answer.status_code == 403
        assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_our_own_origin_passes() -> None:
    assert (await ask({"host": "127.0.0.1:4320", "origin": "http://127.0.0.1:4320"})).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "something-new"])
async def test_cross_site_fetches_are_refused_and_links_are_not(site: str) -> None:
    headers = {"host": "localhost", "sec-fetch-site": site}
    assert (await ask(headers | {"sec-fetch-mode": "no-cors"})).status_code == 403
    assert (
        await ask(headers | {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"})
    ).status_code == 200
    assert (await ask(headers | {"sec-fetch-mode": "navigate"}, method="POST")).status_code == 403
    framed = headers | {"sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}
    assert (await ask(framed)).status_code == 403


async def test_every_answer_says_that_it_may_not_be_framed() -> None:
    for headers in ({"host": "localhost"}, {"host": "evil.example"}):
        answer = await ask(headers)
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_with_a_token_every_request_needs_it() -> None:
    assert (await ask({"host": "localhost"}, token=TOKEN)).status_code == 401
    for given in ("Bearer wrong", TOKEN[:-1], "Bearer ", "Basic abc"):
        assert (await ask({"host": "localhost", "authorization": given}, token=TOKEN)).status_code == 401
    assert (
        await ask({"host": "localhost", "authorization": f"Bearer {TOKEN}"}, token=TOKEN)
    ).status_code == 200


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        *((name, True) for name in ("127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost")),
        *((name, False) for name in ("0.0.0.0", "192.168.1.2", "example.com", "")),  # noqa: S104 - a name, no bind
    ],
)
def test_what_is_loopback(host: str, *, loopback: bool) -> None:
    assert is_loopback(host) is loopback
