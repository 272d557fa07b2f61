"""Whether a client is guarded: the settings that are in force against what was installed, and a canary through them."""

from __future__ import annotations

import importlib.resources
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import orjson

from flyball.errors import ConfigurationError, FlyballError
from flyball.hook import canary, claude, codex, files, installed, merged
from flyball.hook.alone.process import FAILURES
from flyball.hook.alone.wire import clean
from flyball.hook.command import CLIENTS, GUARDING, Client
from flyball.hook.install import Place

State = Literal["guarding", "partly", "auditing", "not guarding"]
_FAILURES_SHOWN_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One client's state. `why` says what is wrong, `not_reached` which tools never ask the hook."""

    client: Client
    version: str
    state: State
    why: list[str]
    not_reached: list[str]
    installed: dict[str, Any] | None
    canary: dict[str, Any] | None
    failures: dict[str, Any]
    last_seen: Any = None

    def view(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def status(place: Place, *, server: Callable[[], Any] | None = None) -> Status:
    """Look at everything, and send one canary through the settings as they are.

    Args:
        place: The client, and where.
        server: Asks the server what it knows of its callers; None, and what it raises, is no obstacle.
    """
    version = place.version()
    why: list[str] = []
    record = None
    try:
        record = installed.load(place.guard_folder).get(place.client)
        why += _obstacles(place, record) if record else ["the hook is not installed"]
    except ConfigurationError as error:
        why.append(str(error))
    sent = _send_canary(place, record)
    why += _told_by(sent, "a canary")
    if sent is not None and sent.outcome in ("caught", "audited"):
        why += _told_by(_send_canary(place, record, chars=canary.LONG_CHARS), "a long canary")
    said = ".".join(map(str, version))
    missing = not_reached(place.client, said)
    return Status(
        client=place.client, version=said, why=[clean(one, 600) for one in why],
        state=_state(why, sent, missing),
        not_reached=missing, installed=installed.view(record) if record else None,
        canary=asdict(sent) if sent else None, failures=failures(place.guard_folder, place.client),
        last_seen=_last_seen(place.client, server),
    )  # fmt: skip


def _state(why: list[str], sent: canary.Canary | None, missing: list[str]) -> State:
    if why or sent is None:
        return "not guarding"
    if sent.outcome == "audited":
        return "auditing"
    return "partly" if missing else "guarding"


def _obstacles(place: Place, record: installed.Installed) -> Iterator[str]:
    """Why the hook would not run, or is not the one that was installed."""
    file = Path(record.file)
    if place.client == "claude-code":
        found = claude.sources(place.environment, place.folder)
        yield from claude.obstacles(found, file, place.environment, over_http=record.via == "http")
        if record.via == "http" and record.fail == "closed" and place.version() < claude.FAILS_CLOSED_FROM:
            yield "this version lets a call run when its HTTP hook fails: install with --via command"
    else:
        yield from codex.obstacles(place.environment, place.folder)
        yield from _codex_says(place, record)
    yield from _changed(record, file)
    if installed.digest_of_copy(place.guard_folder) != record.copy:
        yield "the hook's own files are not those that were installed; `flyball install` puts them back"
    if not os.access(record.python, os.X_OK):
        yield f"the Python of the hook is gone: {record.python}"
    if files.read(installed.token_file(place.guard_folder, place.client)) is None:
        yield "the hook's token is gone; `flyball install` makes one"


def _changed(record: installed.Installed, file: Path) -> Iterator[str]:
    try:
        settings = files.json_object(file, files.read(file))
    except ConfigurationError as error:
        yield str(error)
        return
    here = {
        (event, installed.digest_of(handler))
        for event, matcher, handler in merged.handlers(settings)
        if not matcher
    }
    for event, digest in record.handlers.items():
        if (event, digest) not in here:
            yield f"{file}: the hook of {event} is gone or not the one that was installed"


def _codex_says(place: Place, record: installed.Installed) -> Iterator[str]:
    """What Codex itself holds of the hook: nobody else knows whether it is trusted."""
    program = place.program()
    if program is None:
        yield "codex is not on the path, so that nothing can tell whether it trusts the hook"
        return
    if record.scope == "user" and str(codex.home(place.environment)) not in record.file:
        yield f"CODEX_HOME is another one than that of {record.file}"
    try:
        with codex.app_server(program, place.environment) as server:
            yield from codex.untrusted(codex.known(server, place.folder))
    except FlyballError as error:
        yield str(error)


def _told_by(sent: canary.Canary | None, which: str) -> Iterator[str]:
    """What is wrong by what became of a canary."""
    if sent is not None and sent.outcome == "unanswered":
        yield f"{which} got no answer from the guard: {sent.said}"
    elif sent is not None and sent.outcome == "passed":
        yield f"{which} passed the hook: {sent.said or 'it said nothing'}"


def _send_canary(place: Place, record: installed.Installed | None, *, chars: int = 0) -> canary.Canary | None:
    """A canary through the handler that is in the settings now, whoever wrote it; None where there is none."""
    if record is None:
        return None
    try:
        settings = files.json_object(Path(record.file), files.read(Path(record.file)))
    except ConfigurationError:
        return None
    for event, _, handler in merged.handlers(settings):
        if event == GUARDING[0] and merged.is_ours(handler):
            return canary.run(handler, place.folder, place.environment, chars=chars)
    return None


def failures(guard_folder: Path, client: Client) -> dict[str, Any]:
    """How many calls of a client got no answer, by mode, and the last of them; from the hook's own short list."""
    try:
        lines = (files.read(guard_folder / FAILURES) or b"").decode(errors="replace").splitlines()
    except ConfigurationError:
        lines = []
    ours = [line.split(" ", 4) for line in lines if f" {client} " in line[:40]]
    whole = [parts for parts in ours if len(parts) == 5]  # noqa: PLR2004 - time, client, mode, event, why
    return {
        "stopped": sum(parts[2] == "closed" for parts in whole),
        "unguarded": sum(parts[2] == "open" for parts in whole),
        "last": [clean(" ".join(parts[3:]), 300) for parts in whole[-_FAILURES_SHOWN_MAX:]],
    }


def reach() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """Client -> version -> tool -> whether it asks the hook, as a run with the real clients found it (`make reach`)."""
    return orjson.loads(importlib.resources.files("flyball.hook").joinpath("reach.json").read_bytes())


def not_reached(client: Client, version: str) -> list[str]:
    """Tools that run without asking the hook: of this version, else of the newest that was tried."""
    tried = reach().get(client, {})
    newest = max(tried, key=claude.version_of, default="")
    tools = tried.get(version) or tried.get(newest) or {}
    return sorted(tool for tool, how in tools.items() if how in PAST_THE_HOOK)


PAST_THE_HOOK = ("not reached", "run by the model's provider")
"""What `reach.json` says of a tool that never asks."""


def _last_seen(client: Client, server: Callable[[], Any] | None) -> Any:
    try:
        said = server() if server else None
    except FlyballError:
        return None
    callers = said.get("seen") if isinstance(said, dict) else None
    ours = [one for one in callers or () if isinstance(one, dict) and one.get("client") == client]
    return ours[0].get("last_seen") if ours else None


def all_clients(places: Callable[[Client], Place], server: Callable[[], Any] | None) -> list[Status]:
    """Every client that the hook can be installed for."""
    return [status(places(client), server=server) for client in CLIENTS]
