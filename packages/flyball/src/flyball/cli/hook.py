"""`flyball hook`, `install`, `uninstall`, `status`: the guard in a coding agent's own settings."""

from __future__ import annotations

import enum
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flyball.cli.whats_new import Json

if TYPE_CHECKING:
    from flyball.hook.command import Client
    from flyball.hook.install import Place
    from flyball.hook.status import Status


class ClientName(enum.StrEnum):
    """The clients that have hooks."""

    CLAUDE_CODE = "claude-code"
    CODEX = "codex"


class Only(enum.StrEnum):
    """What an installation may be narrowed to."""

    HOOK = "hook"


class Scope(enum.StrEnum):
    """Whose settings."""

    USER = "user"
    PROJECT = "project"


class Fail(enum.StrEnum):
    """What becomes of a call when the guard does not answer."""

    CLOSED = "closed"
    OPEN = "open"


class Via(enum.StrEnum):
    """How the client asks."""

    COMMAND = "command"
    HTTP = "http"


class Act(enum.StrEnum):
    """What `flyball hook CLIENT` is asked for besides answering."""

    INSTALL = "install"
    UNINSTALL = "uninstall"
    STATUS = "status"


ClientArgument = Annotated[ClientName, typer.Argument(metavar="CLIENT", help="claude-code or codex")]
Data = Annotated[Path | None, typer.Option(help="The folder that holds all data, as `flyball up` has it")]
ScopeOption = Annotated[Scope, typer.Option(help="The settings of you or of the project in this folder")]
FailOption = Annotated[
    Fail, typer.Option(help="What becomes of a call when the guard does not answer: closed stops it")
]
ViaOption = Annotated[
    Via, typer.Option(help="How the client asks; http is quicker, Claude Code alone has it")
]
Port = Annotated[int, typer.Option(min=1, max=65535, help="The server's port on this machine")]
Trust = Annotated[
    bool,
    typer.Option("--trust", help="Codex: have it trust the hook, which else `/hooks` in codex is asked for"),
]
_NOT_GUARDING = 1
"""Exit code of `status` when a client that was asked for is not guarded."""


def install(
    client: ClientArgument,
    *,
    only: Annotated[Only | None, typer.Option(help="hook: nothing but the hook")] = None,
    scope: ScopeOption = Scope.USER,
    fail: FailOption = Fail.CLOSED,
    via: ViaOption = Via.COMMAND,
    trust: Trust = False,
    port: Port = 4320,
    data: Data = None,
    json: Json = False,
) -> None:
    """Put the guard into a coding agent's settings, where it is asked before each tool call.

    What else is in the settings stays; what was there before is kept beside it as *.before-flyball. Asking for the
    same again changes nothing.
    """
    from flyball.hook.install import install as put_in  # noqa: PLC0415 - `flyball --help` stays quick

    del only
    place = place_of(data)(client.value)
    record = put_in(place, scope=scope.value, fail=fail.value, via=via.value, port=port, trust=trust)
    if not json:
        typer.echo(f"the hook of {client.value} is in {record.file} (fails {fail.value})")
    _report([_status(place, port)], json=json)


def uninstall(client: ClientArgument, *, data: Data = None) -> None:
    """Take the guard out of a coding agent's settings; what else is in them stays."""
    from flyball.hook.install import uninstall as take_out  # noqa: PLC0415

    changed = take_out(place_of(data)(client.value))
    for file in changed:
        typer.echo(f"the hook of {client.value} is out of {file}")
    if not changed:
        typer.echo(f"no hook of {client.value} was there")


def status(
    client: Annotated[
        ClientName | None, typer.Argument(metavar="[CLIENT]", help="claude-code or codex; both if absent")
    ] = None,
    *,
    port: Port = 4320,
    data: Data = None,
    json: Json = False,
) -> None:
    """Whether coding agents are guarded: their settings as they are in force here, and a canary through the hook.

    Ends with 1 when the client that is named, or each one, is not guarded.
    """
    from flyball.hook.command import CLIENTS  # noqa: PLC0415

    places = place_of(data)
    asked: tuple[Client, ...] = (client.value,) if client else CLIENTS
    found = [_status(places(one), port) for one in asked]
    _report(found, json=json)
    if all(one.state == "not guarding" for one in found):
        raise typer.Exit(_NOT_GUARDING)


def hook(
    context: typer.Context,
    client: ClientArgument,
    act: Annotated[Act | None, typer.Argument(metavar="[ACT]", help="install, uninstall or status")] = None,
    *,
    scope: ScopeOption = Scope.USER,
    fail: FailOption = Fail.CLOSED,
    via: ViaOption = Via.COMMAND,
    trust: Trust = False,
    port: Port = 4320,
    data: Data = None,
    json: Json = False,
) -> None:
    """Answer one event of a coding agent from standard input, as its hook does; or install, uninstall, status.

    What an installed hook runs is a smaller process with the same answers. Exit code 2 is a denial.
    """
    del context
    if act is Act.INSTALL:
        install(client, scope=scope, fail=fail, via=via, trust=trust, port=port, data=data, json=json)
    elif act is Act.UNINSTALL:
        uninstall(client, data=data)
    elif act is Act.STATUS:
        status(client, port=port, data=data, json=json)
    else:
        raise typer.Exit(_answer(client.value, fail.value, port, place_of(data)(client.value)))


def _answer(client: Client, fail: str, port: int, place: Place) -> int:
    """The verdict's exit code as clients know it."""
    from flyball.hook.alone.answered import DENIED  # noqa: PLC0415
    from flyball.hook.alone.process import main  # noqa: PLC0415
    from flyball.hook.command import DEADLINE_MS  # noqa: PLC0415

    code = main([client, fail, str(port), str(DEADLINE_MS), str(place.guard_folder)])
    if code == 0 or (code != DENIED and fail == Fail.OPEN):
        return 0
    return 2


def place_of(data: Path | None) -> Callable[[Client], Place]:
    """Where a client's hook is kept, by client."""
    from flyball.folders import default_folder  # noqa: PLC0415
    from flyball.hook.install import Place  # noqa: PLC0415

    folder = (data or Path(os.environ.get("FLYBALL_DATA_FOLDER") or default_folder())).absolute()
    return lambda client: Place(
        client=client, guard_folder=folder / "guard", environment=os.environ, folder=Path.cwd()
    )


def _status(place: Place, port: int) -> Status:
    from flyball.cli.client import call  # noqa: PLC0415
    from flyball.hook.status import status as look  # noqa: PLC0415

    return look(place, server=lambda: call("GET", f"http://127.0.0.1:{port}", "/api/v1/guard/status"))


def _report(found: list[Status], *, json: bool) -> None:
    import orjson  # noqa: PLC0415

    if json:
        views: Any = [one.view() for one in found]
        sys.stdout.buffer.write(orjson.dumps(views[0] if len(views) == 1 else views) + b"\n")
        return
    for one in found:
        version = f" {one.version}" if one.version else " (not on the path)"
        typer.echo(f"{one.client}{version}: {one.state}")
        for sentence in one.why:
            typer.echo(f"  {sentence}")
        if one.not_reached and one.state != "not guarding":
            typer.echo(f"  never ask the hook: {', '.join(one.not_reached)}")
        if one.installed:
            typer.echo("  {settings}, fails {fail}, via {via}".format(**one.installed))
        if one.canary and one.state != "not guarding":
            typer.echo(f"  canary {one.canary['outcome']} in {one.canary['ms']:.0f} ms")
        if one.failures["unguarded"]:
            typer.echo(
                f"  {one.failures['unguarded']} calls ran UNGUARDED; the last: {one.failures['last'][-1]}"
            )
        if one.failures["stopped"]:
            typer.echo(f"  {one.failures['stopped']} calls were stopped without an answer")
