"""A request that may be answered at once is answered as any other, however it comes."""

from __future__ import annotations

import asyncio
import functools
import itertools
from typing import Any, cast

import pytest
import uvicorn
from flyball.component.http_guard import Headers, HttpGuard, Receive, Scope, Send
from flyball.component.http_protocol import Protocol
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState

PATH = "/ask"
LATER = b"later"
"""A body that cannot be answered at once."""


async def ordinary(scope: Scope, receive: Receive, send: Send) -> None:
    """Tells which way it came, with whose address, and the body."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    told = b"ordinary %s " % scope["path"].encode() + body
    await send({"type": "http.response.start", "status": 200, "headers": _length(told)})
    await send({"type": "http.response.body", "body": told})


def at_once(scope: Scope, body: bytes) -> tuple[int, Headers, bytes] | None:
    told = b"at once %s " % scope["path"].encode() + body
    return None if body == LATER else (200, _length(told), told)


def _length(body: bytes) -> Headers:
    return [(b"content-length", str(len(body)).encode())]


class Wire:
    """The other end of a connection: what was written to it, and whether it was closed."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.closed = False

    def get_extra_info(self, name: str) -> Any:
        return {"peername": ("127.0.0.1", 5), "sockname": ("127.0.0.1", 6)}.get(name)

    def write(self, data: bytes) -> None:
        self.got.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        """Nothing is read here."""

    def resume_reading(self) -> None:
        """Nothing is read here."""


def talk(*pieces: bytes, token: str = "") -> Wire:
    """What a connection on which these pieces came one after the other has sent."""

    async def run() -> Wire:
        guard = HttpGuard(ordinary, token=token)
        config = uvicorn.Config(guard, log_level="critical", access_log=False, lifespan="off")
        make = functools.partial(Protocol, at_once={PATH.encode(): guard.at_once(at_once)})
        state, wire = ServerState(), Wire()
        protocol = make(config, state, {})
        protocol.connection_made(cast("asyncio.Transport", wire))
        for piece in pieces:
            if not wire.closed:
                protocol.data_received(piece)
                await asyncio.sleep(0)
        for _ in range(30):  # turns of the loop, more than any of these takes
            await asyncio.sleep(0)
        protocol.connection_lost(None)
        return wire

    return asyncio.run(run())


def request(body: bytes = b"x", *, host: str = "localhost", more: str = "", line: str = "") -> bytes:
    head = f"{line or f'POST {PATH} HTTP/1.1'}\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


def test_a_whole_request_is_answered_at_once_with_the_guards_headers_in_one_piece() -> None:
    (answer,) = talk(request()).got
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nat once /ask x")
    assert b"content-security-policy: default-src 'self'" in answer
    assert b"x-content-type-options: nosniff" in answer


def test_its_head_is_the_same_as_of_an_ordinary_answer() -> None:
    (here,), (there,) = talk(request()).got, talk(request(more="X-Forwarded-For: 10.0.0.1\r\n")).got
    assert there.endswith(b"ordinary /ask x")
    length = f"content-length: {len('at once /ask x')}".encode()
    assert (
        here.partition(b"\r\n\r\n")[0].replace(length, b"content-length: %d" % len(b"ordinary /ask x"))
        == (there.partition(b"\r\n\r\n")[0])
    )


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=40), st.lists(st.integers(0, 150), max_size=4))
def test_every_cut_of_it_gives_one_answer_with_the_whole_body(body: bytes, cuts: list[int]) -> None:
    whole = request(body)
    at = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    pieces = [whole[begin:end] for begin, end in itertools.pairwise(at)]
    answer = b"".join(talk(*pieces).got)
    assert answer.count(b"HTTP/1.1 ") == 1 + body.count(b"HTTP/1.1 ")
    assert answer.partition(b"\r\n\r\n")[2] in (b"at once /ask " + body, b"ordinary /ask " + body)


def test_what_cannot_be_answered_at_once_goes_the_ordinary_way_with_its_body() -> None:
    assert b"".join(talk(request(LATER)).got).endswith(b"ordinary /ask later")


@pytest.mark.parametrize(
    "other",
    [
        request(more="X-Forwarded-Proto: https\r\n"),
        request(more="Forwarded: for=10.0.0.1\r\n"),
        request(more="Connection: close\r\n"),
        request(line=f"POST {PATH} HTTP/1.0"),
        request(line=f"POST {PATH}?a=b HTTP/1.1"),
        request(line=f"PUT {PATH} HTTP/1.1"),
        f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n".encode(),
    ],
)
def test_anything_but_a_plain_post_goes_the_ordinary_way(other: bytes) -> None:
    assert b"".join(talk(other).got).endswith(b"ordinary /ask x")


def test_a_closing_connection_is_closed() -> None:
    assert talk(request(more="Connection: close\r\n")).closed
    assert not talk(request()).got[0].count(b"connection: close")


@pytest.mark.parametrize(
    "foreign",
    [
        request(host="rebound.example"),
        request(more="Origin: http://other.example\r\n"),
        request(more="Sec-Fetch-Site: cross-site\r\n"),
    ],
)
def test_another_site_is_refused_before_it(foreign: bytes) -> None:
    answer = b"".join(talk(foreign).got)
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"at once" not in answer


def test_without_the_token_it_is_refused() -> None:
    token = "a-token-" + "0123456789"
    assert b"".join(talk(request(), token=token).got).startswith(b"HTTP/1.1 401 ")
    right = request(more=f"Authorization: Bearer {token}\r\n")
    assert b"".join(talk(right, token=token).got).endswith(b"at once /ask x")


def test_requests_sent_without_waiting_are_answered_in_their_order() -> None:
    bodies = [b"one", LATER, b"three", b"four"]
    answers = b"".join(talk(b"".join(map(request, bodies))).got)
    found = [part.partition(b"\r\n\r\n")[2] for part in answers.split(b"HTTP/1.1 200 OK")[1:]]
    assert found[0] == b"at once /ask one"
    assert [one.rpartition(b" ")[2] for one in found] == bodies


def test_broken_bytes_after_it_are_refused_and_nothing_is_answered_twice() -> None:
    answers = b"".join(talk(request() + b"\0\0\r\n\r\n").got)
    assert answers.count(b"at once") == 1
    assert b"HTTP/1.1 400 " in answers
