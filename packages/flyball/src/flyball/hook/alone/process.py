"""One call: the event on standard input, the verdict on both streams, an exit code."""

from __future__ import annotations

import posix
import time

from . import answered, asked, switches, wire

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` takes 4 ms to import
    from typing import Any

UNANSWERED = 11
"""Exit code: no answer; why is on standard error."""
EVENT_BYTES_MAX = 32 * 1024 * 1024
FILE_BYTES_MAX = 4 * 1024 * 1024
FAILURES_BYTES_MAX = 256 * 1024
"""Of the list of calls that got no answer; when it is full it begins anew."""
FAILURES = "unanswered.log"
PLACES = "places"
"""Beside the copy of this package: the settings files that the hook stands in, one a line."""


def main(arguments: list[str]) -> int:
    """Answer one event: CLIENT FAILURE_MODE PORT DEADLINE_MS GUARD_FOLDER."""
    client, failure_mode, port, deadline_ms, folder = arguments
    ends = time.monotonic() + int(deadline_ms) / 1000
    kind, counts = "event", True
    try:
        event = _event(_read(0, EVENT_BYTES_MAX))
        kind = wire.clean(str(event.get("hook_event_name")), 40)
        counts = event.get("session_id") != asked.CANARY
        if kind == "ConfigChange":
            return _say(*_config_change(event, folder))
        path, body = asked.request_of(client, event, failure_mode, int(deadline_ms))
        if not path:
            return 0
        status, answer = wire.ask(int(port), path, body, _token(f"{folder}/tokens/{client}.token"), ends)
        if path == asked.OBSERVE:
            return 0
        return _say(*answered.verdict_of(client, event, answered.parse_answer(status, answer), body))
    except Exception as error:  # noqa: BLE001 - the edge: whatever it was, there is no answer
        known = isinstance(error, wire.Unanswered)
        why = wire.clean(str(error) if known else f"{type(error).__name__} in the hook: {error}", 400)
        if counts:
            _note(folder, f"{client} {failure_mode} {kind} {why}")
        _write(2, f"flyball: no answer from the guard: {why}\n")
        return UNANSWERED


def _event(text: bytes) -> dict[str, Any]:
    try:
        event = wire.parse(text)
    except Exception:  # noqa: BLE001 - the scanner's own errors are of several kinds, and one names a place in memory
        event = None
    if not isinstance(event, dict):
        raise wire.Unanswered("the client's event is no JSON object")
    return event


def _config_change(event: dict[str, Any], folder: str) -> tuple[int, dict[str, Any] | None, str]:
    """Refuse changed settings that would switch the hook off; the running session then keeps what it has."""
    source, path = event.get("source"), event.get("file_path")
    if source not in {"user_settings", "project_settings", "local_settings"} or not isinstance(path, str):
        return 0, None, ""
    try:
        text: bytes | None = _read_file(path, FILE_BYTES_MAX)
    except FileNotFoundError:
        text = None
    places = _read_file(f"{folder}/hook/{PLACES}", FILE_BYTES_MAX).decode().split("\n")
    why = switches.switched_off(text, f"{folder}/hook/", holds_ours=path in places)
    if not why:
        return 0, None, ""
    _note(folder, f"claude-code settings changed {why}")
    shown = wire.clean(path, 300)
    return (
        answered.DENIED,
        None,
        f"flyball: {shown} would switch the guard off: {why}. This session keeps its settings.",
    )


def _say(code: int, output: dict[str, Any] | None, error: str) -> int:
    """Write a verdict, each stream in one piece, and return the exit code."""
    if error:
        _write(2, error + "\n")
    if output is not None:
        _write(1, wire.encode(output) + "\n")
    return code


def _write(stream: int, text: str) -> None:
    data = text.encode(errors="replace")
    while data:  # a pipe that is full takes a part at a time
        data = data[posix.write(stream, data) :]


def _read(stream: int, bytes_max: int) -> bytes:
    parts: list[bytes] = []
    left = bytes_max
    while part := posix.read(stream, 1 << 20):
        parts.append(part)
        left -= len(part)
        if left < 0:
            raise wire.Unanswered(f"more than {bytes_max} bytes came")
    return b"".join(parts)


def _read_file(path: str, bytes_max: int) -> bytes:
    # without waiting: the path may name a pipe
    stream = posix.open(path, posix.O_RDONLY | posix.O_NONBLOCK | posix.O_CLOEXEC)
    try:
        return _read(stream, bytes_max)
    finally:
        posix.close(stream)


def _token(path: str) -> str:
    try:
        token = _read_file(path, 4096).decode("ascii").partition("\n")[0].strip()
    except (OSError, ValueError):
        raise wire.Unanswered("the hook's token cannot be read") from None
    if not token.isprintable() or not token:
        raise wire.Unanswered("the file of the hook's token holds none")
    return token


def _note(folder: str, line: str) -> None:
    """One line more in the list of failures; where it cannot be written, nothing changes."""
    flags = posix.O_WRONLY | posix.O_CREAT | posix.O_APPEND | posix.O_CLOEXEC
    try:
        stream = posix.open(f"{folder}/{FAILURES}", flags, 0o600)
        try:
            if posix.fstat(stream).st_size > FAILURES_BYTES_MAX:
                posix.ftruncate(stream, 0)
            posix.write(stream, f"{time.time():.0f} {line}\n".encode(errors="replace"))  # noqa: TID251 - stands alone
        finally:
            posix.close(stream)
    except OSError:
        pass
