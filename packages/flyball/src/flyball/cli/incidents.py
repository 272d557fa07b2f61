"""`flyball incidents`, `flyball explain ID`: what needs somebody, why it happened, and what a person decides of it."""

from __future__ import annotations

from typing import Annotated

import typer

from flyball.cli.whats_new import Environment, Json, Server, ask, print_view

incidents = typer.Typer(
    help="The incidents, those that go on first; close, mute, unmute or reopen one.", no_args_is_help=False
)

_Id = Annotated[str, typer.Argument(metavar="ID", help="The incident's id, inc_...")]
_By = Annotated[str, typer.Option(help="Who decides it")]


@incidents.callback(invoke_without_command=True)
def list_incidents(
    context: typer.Context,
    *,
    state: Annotated[
        str | None,
        typer.Option(help="open, investigating, active, resolved, closed, or live for the first three"),
    ] = None,
    service: Annotated[str | None, typer.Option(help="service.name")] = None,
    environment: Environment = None,
    json: Json = False,
    server: Server = None,
) -> None:
    """List the incidents, those that go on first."""
    if context.invoked_subcommand is None:
        view = ask(server, "/api/v1/incidents", state=state, service=service, environment=environment)
        print_view(view, "list_incidents", as_json=json)


@incidents.command()
def close(incident: _Id, *, by: _By = "", json: Json = False, server: Server = None) -> None:
    """Close an incident."""
    _decide(incident, "close", by, as_json=json, server=server)


@incidents.command()
def reopen(incident: _Id, *, by: _By = "", json: Json = False, server: Server = None) -> None:
    """Open one that was resolved or closed again."""
    _decide(incident, "reopen", by, as_json=json, server=server)


@incidents.command()
def mute(incident: _Id, *, by: _By = "", json: Json = False, server: Server = None) -> None:
    """Mute an incident until it differs: until it shows something it does not show now."""
    _decide(incident, "mute", by, as_json=json, server=server)


@incidents.command()
def unmute(incident: _Id, *, by: _By = "", json: Json = False, server: Server = None) -> None:
    """Unmute an incident."""
    _decide(incident, "unmute", by, as_json=json, server=server)


@incidents.command()
def fix(
    incident: _Id,
    text: Annotated[str, typer.Argument(help="What was done, in a sentence")],
    *,
    change: Annotated[str, typer.Option(help="The change that did it: whether it worked is measured")] = "",
    url: Annotated[str, typer.Option(help="Where to read more")] = "",
    by: _By = "",
    json: Json = False,
    server: Server = None,
) -> None:
    """Remember what was done about an incident."""
    from flyball.cli.client import call, server_url  # noqa: PLC0415

    body = {"text": text, "change": change, "url": url, "by": by}
    path = f"/api/v1/incidents/{quoted(incident)}/fixes"
    made = call("POST", server_url(server), path, body={name: value for name, value in body.items() if value})
    print_view(made, "record_fix", as_json=json)


def explain(incident: _Id, *, json: Json = False, server: Server = None) -> None:
    """Why an incident happened, what was ruled out, and what to do first, with evidence."""
    view = ask(server, f"/api/v1/incidents/{quoted(incident)}")
    print_view(view, "get_incident", as_json=json)


def quoted(incident: str) -> str:
    """An id as a part of a path.

    Raises:
        NotFound: no id is like this.
    """
    from urllib.parse import quote  # noqa: PLC0415 - `flyball --help` stays quick

    from flyball.errors import NotFound  # noqa: PLC0415

    if not incident or "/" in incident:
        raise NotFound(f"there is no incident {incident[:64]!r}; `flyball incidents` lists them")
    return quote(incident, safe="")


def _decide(incident: str, decision: str, by: str, *, as_json: bool, server: str | None) -> None:
    from flyball.cli.client import call, server_url  # noqa: PLC0415

    body = {"decision": decision, "by": by}
    path = f"/api/v1/incidents/{quoted(incident)}"
    row = call("POST", server_url(server), path, body={name: value for name, value in body.items() if value})
    view = {"incidents": [row], "total": 1}
    print_view(row if as_json else view, "list_incidents", as_json=as_json)
