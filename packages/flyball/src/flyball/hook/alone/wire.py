"""JSON and HTTP with nothing imported that is not built in: half a millisecond instead of ten."""

from __future__ import annotations

import _json
import _socket
import time

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` takes 4 ms to import
    from typing import Any

ANSWER_BYTES_MAX = 1024 * 1024


class Unanswered(Exception):
    """The guard gave no answer; the text says why, to follow "no answer from the guard:"."""


class _Strict:
    """What the scanner of `json` asks its decoder for."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo: dict[str, str] = {}  # noqa: RUF012 - the scanner's own, emptied after each text


def ask(port: int, path: str, body: dict[str, Any], token: str, ends: float) -> tuple[int, bytes]:
    """HTTP status and body: one write, a read that is bounded in bytes and by the time `ends` (monotonic seconds).

    Raises:
        Unanswered: nobody is there, or no whole answer came.
    """
    payload = encode(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\nConnection: close\r\n\r\n"
    )
    wire = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    try:
        wire.settimeout(_left(ends))
        wire.connect(("127.0.0.1", port))
        wire.sendall(head.encode("latin-1") + payload)
        received = b""
        while True:
            wire.settimeout(_left(ends))
            part = wire.recv(65536)
            received += part
            if len(received) > ANSWER_BYTES_MAX:
                raise Unanswered("its answer is too large")
            whole = _whole(received, ended=not part)
            if whole is not None:
                return whole
    except TimeoutError:
        raise Unanswered("it did not answer in time") from None
    except OSError as error:
        raise Unanswered(f"nothing answers on port {port} ({error.strerror})") from None
    finally:
        wire.close()


def _left(ends: float) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise Unanswered("it did not answer in time")
    return left


def _whole(received: bytes, *, ended: bool) -> tuple[int, bytes] | None:
    """Status and body once they are whole."""
    head, blank, body = received.partition(b"\r\n\r\n")
    if not blank:
        if ended:
            raise Unanswered("it hung up")
        return None
    lines = head.split(b"\r\n")
    first = lines[0].split(b" ")
    if len(first) < 2 or not first[0].startswith(b"HTTP/1.") or not first[1].isdigit():  # noqa: PLR2004
        raise Unanswered("what answers speaks no HTTP")
    lengths = [line[15:].strip() for line in lines[1:] if line[:15].lower() == b"content-length:"]
    length = int(lengths[0]) if len(lengths) == 1 and lengths[0].isdigit() else None
    if length is None and first[1] != b"204":
        raise Unanswered("its answer has no length")
    if len(body) >= (length or 0):
        return int(first[1]), body[: length or 0]
    if ended:
        raise Unanswered("its answer was cut off")
    return None


def parse(text: bytes) -> Any:
    """JSON to values; anything but white space after it is an error.

    Raises:
        Exception: of several kinds, as the scanner's own errors are.
    """
    said = text.decode().strip(" \t\r\n")
    value, end = _json.make_scanner(_Strict)(said, 0)  # pyright: ignore[reportArgumentType]
    if end != len(said):
        raise Unanswered("there is more than one JSON value")
    return value


def encode(value: Any) -> str:
    """Values to JSON, in ASCII."""
    encoder = _json.make_encoder(
        None, _refuse, _json.encode_basestring_ascii, None, ":", ",", False, False, False
    )
    return "".join(encoder(value, 0))


def _refuse(value: object) -> Any:
    raise Unanswered(f"a value of {type(value).__name__} is no JSON")


def clean(text: str, chars: int) -> str:
    """At most `chars` characters on one line; what would steer a terminal or turn the text is shown as `?`."""
    shown = "".join(c if c.isprintable() else " " if c in "\n\t" else "?" for c in text[: 2 * chars])
    return shown.strip()[:chars]
