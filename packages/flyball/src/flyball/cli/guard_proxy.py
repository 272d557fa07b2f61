"""`flyball guard proxy` and `flyball guard pin`: the guard in front of an MCP server, for clients that have no hooks."""

from __future__ import annotations

import enum
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flyball.cli.guard import Data
from flyball.cli.whats_new import Server

if TYPE_CHECKING:
    from flyball.guard_proxy.gate import Gate


class Fail(enum.StrEnum):
    """What becomes of a call when the guard does not answer."""

    CLOSED = "closed"
    OPEN = "open"


_FAIL = "What becomes of a call when the guard does not answer: closed stops it, open lets it run and tells"


def proxy(
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- COMMAND...]", help="The command that starts the MCP server"),
    ] = None,
    *,
    url: Annotated[
        str | None, typer.Option(help="A server's address (streamable HTTP) instead of a command")
    ] = None,
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="With --url: where clients reach the proxy")
    ] = 4330,
    name: Annotated[
        str | None, typer.Option(help="What rules and pins call the server; made of its command")
    ] = None,
    agent: Annotated[
        str, typer.Option(help="The agent's name, for policies; else what the client calls itself")
    ] = "",
    env: Annotated[
        list[str] | None, typer.Option(help="A variable that the server is given too, by its name")
    ] = None,
    fail: Annotated[Fail, typer.Option(help=_FAIL)] = Fail.CLOSED,
    server: Server = None,
    data: Data = None,
) -> None:
    """Put the guard in front of an MCP server: `flyball guard proxy -- npx -y @scope/server`, or --url.

    Every call is judged by the Flyball server before the MCP server sees it; what is stopped is answered in its place.
    """
    from flyball.errors import InputError  # noqa: PLC0415 - `flyball --help` stays quick
    from flyball.guard_proxy.naming import name_of  # noqa: PLC0415

    if bool(command) is bool(url):
        raise InputError(
            "name either a command, as in `flyball guard proxy -- npx -y @scope/server`, or a --url"
        )
    gate = _gate(name or name_of(command or [], url or ""), agent, fail, server, data)
    if url:
        from flyball.guard_proxy.http import run as run_http  # noqa: PLC0415

        run_http(gate, url, port=port)
        return
    from flyball.guard_proxy.child import environment_for  # noqa: PLC0415
    from flyball.guard_proxy.stdio import run  # noqa: PLC0415

    code = run(gate, command or [], environment_for(os.environ, env or []))
    sys.stderr.flush()
    os._exit(code)  # past a thread that waits for a pipe


def _gate(name: str, agent: str, fail: Fail, server: str | None, data: Path | None) -> Gate:
    from flyball.cli.address import server_url  # noqa: PLC0415
    from flyball.cli.guard import folder_of  # noqa: PLC0415
    from flyball.guard.keys import TOKENS, guard_folder, kept_secret  # noqa: PLC0415
    from flyball.guard_proxy.asked import Server as Asked  # noqa: PLC0415
    from flyball.guard_proxy.gate import Gate  # noqa: PLC0415
    from flyball.guard_proxy.judge import CLIENT, Judge  # noqa: PLC0415
    from flyball.guard_proxy.pins import Pins, pins_file  # noqa: PLC0415
    from flyball.guard_proxy.told import Told  # noqa: PLC0415

    folder = guard_folder(folder_of(data))
    file = folder / TOKENS / f"{CLIENT}.token"
    told = Told()
    token = kept_secret(file).splitlines()[0].strip() if file.exists() else ""
    judge = Judge(
        server=Asked(server_url(server), token), told=told, fail=fail.value, agent=agent, cwd=str(Path.cwd())
    )
    return Gate(name=name, judge=judge, pins=Pins(pins_file(folder, name), told), told=told)


def pin(
    server_name: Annotated[
        str, typer.Argument(metavar="SERVER", help="The name that the proxy gives the server")
    ],
    *,
    accept: Annotated[bool, typer.Option("--accept", help="Take the tools as they are now")] = False,
    data: Data = None,
) -> None:
    """Show which tools of an MCP server are not what they were when first listed; with --accept let them be called.

    Accepting needs the operator's token.
    """
    from flyball.cli.guard import folder_of  # noqa: PLC0415
    from flyball.guard.keys import guard_folder, operator_token  # noqa: PLC0415
    from flyball.guard_proxy import pins  # noqa: PLC0415

    folder = guard_folder(folder_of(data))
    file = pins.pins_file(folder, server_name)
    if accept:
        operator_token(folder)
        found = pins.accept(file)
    else:
        found = pins.pinned(file)
    sys.stdout.write(pins.shown(found, accepted=accept))
