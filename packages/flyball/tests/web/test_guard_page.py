"""`/guard`: approving takes a signed-in browser and the secret that our own page gave it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from flyball.component.http_guard import App
from flyball.guard.browsers import LINK_SECONDS, SESSION_SECONDS
from harness.guard_app import URL, client, guard_app
from harness.wall import ASKING, DELETE, Guarded

pytestmark = pytest.mark.anyio


@pytest.fixture
def guarded(tmp_path: Path) -> Guarded:
    one = Guarded(tmp_path / "guard")
    one.policy(ASKING)
    return one


@pytest.fixture
async def app(guarded: Guarded, tmp_path: Path) -> AsyncIterator[App]:
    async with guard_app(guarded, tmp_path) as one:
        yield one


@pytest.fixture
async def browser(app: App) -> AsyncIterator[httpx.AsyncClient]:
    async with client(app, origin=URL) as one:
        yield one


def _csrf(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    return found[1] if found else ""


async def _sign_in(browser: httpx.AsyncClient, guarded: Guarded) -> str:
    answer = await browser.post("/guard/sign-in", data={"token": guarded.wall.keys.operator})
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/guard" in cookie
    return _csrf((await browser.get("/guard")).text)


async def test_an_approval_on_the_page(browser: httpx.AsyncClient, guarded: Guarded) -> None:
    asked = guarded.ask(DELETE)["approval"]["id"]
    before = (await browser.get("/guard")).text
    assert "approve once" not in before
    assert not _csrf(before)
    csrf = await _sign_in(browser, guarded)
    page = (await browser.get("/guard")).text
    assert page.index("file.delete") < page.index("command: " + DELETE)
    answer = await browser.post(f"/guard/approvals/{asked}", data={"csrf": csrf, "verdict": "approve"})
    assert answer.status_code == 303
    assert guarded.ask(DELETE)["action"] == "allow"


async def test_without_cookie_or_secret_or_token_nothing_is_approved(
    browser: httpx.AsyncClient, app: App, guarded: Guarded
) -> None:
    asked = guarded.ask(DELETE)["approval"]["id"]
    path, approve = f"/guard/approvals/{asked}", {"verdict": "approve"}
    assert (await browser.post("/guard/sign-in", data={"token": "guess"})).status_code == 403
    assert (await browser.post(path, data=approve)).status_code == 403
    csrf = await _sign_in(browser, guarded)
    assert (await browser.post(path, data=approve)).status_code == 403
    assert (await browser.post(path, data=approve | {"csrf": "guess"})).status_code == 403
    async with client(app, origin=URL) as other:  # the secret of another browser
        assert (await other.post(path, data=approve | {"csrf": csrf})).status_code == 403
    for headers in (
        {"origin": "http://evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"host": "evil.example"},
    ):
        assert (await browser.post(path, data=approve | {"csrf": csrf}, headers=headers)).status_code == 403
    assert (await browser.post(path, json=approve | {"csrf": csrf})).status_code == 400
    guarded.clock.advance(SESSION_SECONDS)
    assert (await browser.post(path, data=approve | {"csrf": csrf})).status_code == 403
    assert {row["state"] for row in guarded.rows("approval")} == {"asked"}


async def test_a_link_works_once_and_for_a_minute(
    browser: httpx.AsyncClient, app: App, guarded: Guarded
) -> None:
    async with client(app, authorization=f"Bearer {guarded.wall.keys.operator}") as operator:

        async def link() -> str:
            answer = await operator.post("/api/v1/guard/sign-in-link", json={})
            return str(answer.json()["url"]).removeprefix(URL)

        first = await link()
        assert (await browser.get(first)).status_code == 303
        assert _csrf((await browser.get("/guard")).text)
        browser.cookies.clear()
        assert (await browser.get(first)).status_code == 403
        late = await link()
        guarded.clock.advance(LINK_SECONDS)
        assert (await browser.get(late)).status_code == 403


async def test_signing_out(browser: httpx.AsyncClient, guarded: Guarded) -> None:
    csrf = await _sign_in(browser, guarded)
    await browser.post("/guard/sign-out", data={"csrf": csrf})
    assert not _csrf((await browser.get("/guard")).text)


async def test_the_whole_call_stands_there_with_what_cannot_be_seen(
    browser: httpx.AsyncClient, guarded: Guarded
) -> None:
    sly = f"{DELETE} # \u202e\u200b\x1b[2J <script>alert(1)</script>\n" + "x" * 5_000 + " the end"
    guarded.ask(sly)
    page = (await browser.get("/guard")).text
    assert "\\u{202e}\\u{200b}\\u{1b}[2J &lt;script&gt;" in page
    assert "the end" in page
    assert not {"\u202e", "\u200b", "\x1b"} & set(page)
    assert "<script>" not in page


async def test_the_twin_says_the_same(browser: httpx.AsyncClient, guarded: Guarded) -> None:
    asked = guarded.ask(DELETE)["approval"]["id"]
    view = (await browser.get("/guard.json")).json()
    assert [one["id"] for one in view["approvals"]] == [asked]
    assert view["status"]["mode"] == "enforce"
    assert guarded.wall.keys.operator not in (await browser.get("/guard.json")).text
