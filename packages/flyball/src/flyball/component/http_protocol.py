"""The protocol under every HTTP port: uvicorn's, with an answer in one packet and some answers at once.

At once means in the turn of the loop that brought the request: no task, no ASGI. It is for a small POST that comes
whole in one piece, over a kept connection with nothing else under way, for a target that has such an answer. Any other
request, and one whose answer must wait, goes through uvicorn as if this module were not there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from flyball.component.http_guard import AtOnce, Scope

_ORDINARY = frozenset(
    (b"expect", b"upgrade", b"transfer-encoding", b"forwarded", b"x-forwarded-for", b"x-forwarded-proto")
)
"""Headers that uvicorn understands and this module does not: what carries one of them is an ordinary request."""


class _OneWrite:
    """A transport that sends the head of an answer together with the first of its body.

    uvicorn writes them one after the other: two packets, and a client that acknowledges late waits 40 ms between them.
    What is held is sent at the end of this turn of the loop at the latest.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._held = b""
        self._later = asyncio.get_running_loop().call_soon

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Hold the first piece, send it with the second."""
        if self._held:
            self.write_whole(data)
        else:
            self._held = data
            self._later(self._flush)

    def write_whole(self, data: bytes) -> None:
        """Send this, after what is held."""
        data, self._held = self._held + data, b""
        self._transport.write(data)

    def close(self) -> None:
        """Send what is held, then close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._held:
            self.write_whole(b"")


class Protocol(HttpToolsProtocol):
    """One connection; `at_once` are the targets that may be answered so, as they stand in a request's first line."""

    def __init__(self, *args: Any, at_once: Mapping[bytes, AtOnce], **named: Any) -> None:
        super().__init__(*args, **named)
        self._at_once = at_once
        self._answer: AtOnce | None = None
        """Answers the request that is being read; None for an ordinary one."""
        self._body = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - as uvicorn's
        """Keep the transport."""
        super().connection_made(cast("asyncio.Transport", _OneWrite(transport)))

    def data_received(self, data: bytes) -> None:
        """Read a piece; a request that did not come whole in it goes the ordinary way, with that way's bounds."""
        super().data_received(data)
        if self._answer is not None and not self.transport.is_closing():
            self._go_ordinary()

    def on_headers_complete(self) -> None:
        """Choose the way of this request."""
        answer = self._at_once.get(self.url)
        if answer is None or not self._is_plain():
            super().on_headers_complete()
            return
        self._answer, self._body = answer, b""
        self.scope.update(method="POST", path=self.url.decode(), raw_path=self.url, query_string=b"")

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body; what comes at once is no more than the loop reads in one piece, 256 KiB."""
        if self._answer is None:
            super().on_body(body)
        else:
            self._body += body

    def on_message_complete(self) -> None:
        """Answer, or let the ordinary way."""
        if self._answer is not None:
            found = self._answer(cast("Scope", self.scope), self._body)
            if found is not None:
                self._answer = None
                self._send(*found)
                self.on_response_complete()
                return
            self._go_ordinary()
        super().on_message_complete()

    def _is_plain(self) -> bool:
        """Whether it is a POST, and nothing but its answer is asked of this connection."""
        idle = not self.cycle or self.cycle.response_complete
        parser = self.parser
        return (
            parser is not None
            and idle
            and not self.flow.write_paused
            and parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
            and not parser.should_upgrade()
            and _ORDINARY.isdisjoint([name for name, _ in self.headers])
        )

    def _go_ordinary(self) -> None:
        """Give uvicorn what was read of this request."""
        body, self._answer, self._body = self._body, None, b""
        super().on_headers_complete()
        if body:
            super().on_body(body)

    def _send(self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
        fields = b"".join(
            [b"%b: %b\r\n" % header for header in (*self.server_state.default_headers, *headers)]
        )
        whole = b"%b%b\r\n%b" % (STATUS_LINE[status], fields, body)
        cast("_OneWrite", self.transport).write_whole(whole)
