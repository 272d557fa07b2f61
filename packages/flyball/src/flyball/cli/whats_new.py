"""`flyball whats-new`, `flyball verify`, `flyball changes`: the answers, for people and as JSON."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import orjson
import typer

Server = Annotated[str | None, typer.Option(help="The server's address [http://127.0.0.1:4320]")]
Json = Annotated[bool, typer.Option("--json", help="The whole answer as JSON")]
Environment = Annotated[str | None, typer.Option(help="deployment.environment.name")]


def whats_new(
    *,
    service: Annotated[str | None, typer.Option(help="service.name; every service if absent")] = None,
    environment: Environment = None,
    since: Annotated[
        str, typer.Option(help="A change id, last-deploy, a time (RFC 3339) or how long ago (15m)")
    ] = "last-deploy",
    json: Json = False,
    server: Server = None,
) -> None:
    """What is new since that deploy, with evidence."""
    view = ask(server, "/api/v1/whats-new", service=service, environment=environment, since=since)
    print_view(view, "whats_new", as_json=json)


def verify(
    *,
    change: Annotated[str, typer.Option(help="The id of the change that was meant to repair")],
    finding: Annotated[str | None, typer.Option(help="One finding; every open one if absent")] = None,
    json: Json = False,
    server: Server = None,
) -> None:
    """Did the fix work? fixed, not fixed, worse, or not enough data."""
    view = ask(server, "/api/v1/verify", change=change, finding=finding)
    print_view(view, "verify_change", as_json=json)


changes = typer.Typer(help="The changes that are known; `add` records one.", no_args_is_help=False)


@changes.callback(invoke_without_command=True)
def list_changes(
    context: typer.Context,
    *,
    service: Annotated[str | None, typer.Option(help="service.name")] = None,
    environment: Environment = None,
    since: Annotated[str | None, typer.Option(help="A time (RFC 3339) or how long ago (1d)")] = None,
    json: Json = False,
    server: Server = None,
) -> None:
    """List the changes, newest first."""
    if context.invoked_subcommand is None:
        view = ask(server, "/api/v1/changes", service=service, environment=environment, since=since)
        print_view(view, "list_changes", as_json=json)


@changes.command()
def add(
    *,
    service: Annotated[str, typer.Option(help="service.name")],
    version: Annotated[str, typer.Option(help="service.version")] = "",
    environment: Environment = None,
    kind: Annotated[str, typer.Option(help="deploy, rollback, config, flag or migration")] = "deploy",
    what: Annotated[str | None, typer.Option(help="What a config, flag or migration changed")] = None,
    commit: Annotated[str | None, typer.Option(help="The commit it was built from")] = None,
    author: Annotated[str | None, typer.Option(help="Who wrote it")] = None,
    message: Annotated[str | None, typer.Option(help="The commit's message")] = None,
    url: Annotated[str | None, typer.Option(help="Where to read more")] = None,
    time: Annotated[str | None, typer.Option(help="When (RFC 3339); now if absent")] = None,
    json: Json = False,
    server: Server = None,
) -> None:
    """Record a change, for example from a pipeline; a deploy that telemetry shows is the same change."""
    from flyball.cli.client import call, server_url  # noqa: PLC0415 - `flyball --help` stays quick

    fields = {"service": service, "version": version, "environment": environment, "kind": kind}
    fields |= {"what": what, "commit": commit, "author": author, "message": message, "url": url, "time": time}
    body = {name: value for name, value in fields.items() if value}
    change = call("POST", server_url(server), "/api/v1/changes", body=body)
    print_view({"changes": [change]}, "list_changes", as_json=json, alone=change)


def ask(server: str | None, path: str, **query: Any) -> Any:
    """The server's answer to a question."""
    from flyball.cli.client import call, server_url  # noqa: PLC0415

    return call("GET", server_url(server), path, query=query)


def print_view(view: Any, question: str, *, as_json: bool, alone: Any = None) -> None:
    """The view of a question for a person, or as JSON (then `alone` in its place, where given)."""
    if as_json:
        sys.stdout.write(
            orjson.dumps(view if alone is None else alone, option=orjson.OPT_INDENT_2).decode() + "\n"
        )
        return
    from flyball.cli.show import show  # noqa: PLC0415 - rich takes a while

    show(question, view)
