"""`flyball doctor`: is everything as it should be here, and does the guard really stop what it should?"""

from __future__ import annotations

import secrets
import shutil
import stat
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import orjson
import typer

from flyball.cli.address import server_url
from flyball.cli.hook import Data, place_of
from flyball.cli.whats_new import Json, Server
from flyball.errors import FlyballError

_FREE_BYTES_MIN = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: `ok`, `warn` (works, with less than it could), `fail`."""

    what: str
    state: Literal["ok", "warn", "fail"]
    told: str


def doctor(*, data: Data = None, server: Server = None, json: Json = False) -> None:
    """Look at the data folder, the server, the guard and each coding agent; a canary goes through the real hook.

    Ends with 1 when something fails.
    """
    url = server_url(server)
    found = list(_look(data, url))
    if json:
        sys.stdout.buffer.write(orjson.dumps([asdict(one) for one in found]) + b"\n")
    else:
        for one in found:
            typer.echo(f"{one.state:<5}{one.what:<16}{one.told}")
    if any(one.state == "fail" for one in found):
        raise typer.Exit(1)


def _look(data: Path | None, url: str) -> Iterator[Finding]:
    places = place_of(data)
    folder = places("claude-code").guard_folder.parent
    yield from _folder(folder)
    try:
        _call("GET", url, "/healthz")
        yield Finding("server", "ok", f"answers at {url}")
        yield from _guard(url)
    except FlyballError as error:
        yield Finding("server", "fail", str(error))
    yield from _clients(data, url)


def _call(method: str, url: str, path: str, *, body: Any = None) -> Any:
    from flyball.cli.client import call  # noqa: PLC0415 - the proxy starts without an HTTP client

    return call(method, url, path, body=body)


def _folder(folder: Path) -> Iterator[Finding]:
    if not folder.is_dir():
        yield Finding(
            "data folder", "fail", f"{folder} is not there: start `flyball up`, or name it with --data"
        )
        return
    free = shutil.disk_usage(folder).free
    told = f"{folder}, {free / 1e9:.1f} GB free"
    yield Finding("data folder", "ok" if free >= _FREE_BYTES_MIN else "warn", told)
    for path in sorted((folder / "guard").glob("**/*")):
        secret = path.suffix in (".token", ".key")
        if secret and path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield Finding("secret file", "fail", f"{path} can be read by others: chmod 600 {path}")


def _guard(url: str) -> Iterator[Finding]:
    known: dict[str, Any] = _call("GET", url, "/api/v1/guard/status")
    switched = "paused" if known["paused_until"] else "locked down" if known["locked_since"] else ""
    nonce = secrets.token_hex(8)
    trial = {
        "tool_name": "Bash",
        "tool_input": {"command": f": flyball-canary {nonce}"},
        "context": {"client": "doctor"},
    }
    answer: dict[str, Any] = _call("POST", url, "/v1/guard/evaluate", body=trial)
    stopped = "block" in (answer.get("action"), answer.get("would"))
    told = f"a trial call is {'stopped' if answer.get('action') == 'block' else 'seen' if stopped else 'LET THROUGH'}"
    yield Finding(
        "guard",
        "fail" if not stopped else "warn" if switched else "ok",
        f"{told}{', ' + switched if switched else ''}",
    )


def _clients(data: Path | None, url: str) -> Iterator[Finding]:
    from flyball.hook.command import CLIENTS  # noqa: PLC0415 - `flyball --help` stays quick
    from flyball.hook.status import status  # noqa: PLC0415

    for client in CLIENTS:
        one = status(place_of(data)(client), server=lambda: _call("GET", url, "/api/v1/guard/status"))
        if one.installed is None:
            yield Finding(client, "warn", f"not guarded: `flyball install {client}`")
            continue
        state: Literal["ok", "warn", "fail"] = (
            "fail" if one.state == "not guarding" else "ok" if one.state == "guarding" else "warn"
        )
        why = "; ".join(one.why) or (
            f"never ask the hook: {', '.join(one.not_reached)}" if one.not_reached else ""
        )
        yield Finding(client, state, one.state + (f": {why}" if why else ""))
