"""`flyball runs`: what agents did, one run opened, what they cost, two runs compared, and what is said of a run."""

from __future__ import annotations

from typing import Annotated

import typer

from flyball.cli.whats_new import Json, Server, ask, print_view

runs = typer.Typer(
    help="What agents did: runs, their steps, what they cost, what differs.", no_args_is_help=False
)

_Id = Annotated[str, typer.Argument(metavar="ID", help="The run's id, 32 hexadecimal digits")]
_Agent = Annotated[str | None, typer.Option(help="The agent's name")]
_Service = Annotated[str | None, typer.Option(help="service.name")]
_User = Annotated[str | None, typer.Option(help="user.id")]
_Since = Annotated[str | None, typer.Option(help="A time (RFC 3339) or how long ago (2h)")]


@runs.callback(invoke_without_command=True)
def list_runs(
    context: typer.Context,
    *,
    agent: _Agent = None,
    service: _Service = None,
    model: Annotated[str | None, typer.Option(help="A model that was asked")] = None,
    user: _User = None,
    conversation: Annotated[str | None, typer.Option(help="The conversation, or the session")] = None,
    errors: Annotated[bool, typer.Option("--errors", help="Only runs in which a step failed")] = False,
    text: Annotated[str | None, typer.Option(help="Text that a step holds")] = None,
    since: _Since = None,
    sort: Annotated[str, typer.Option(help="newest, longest, costliest, tokens or errors")] = "newest",
    cursor: Annotated[str | None, typer.Option(help="Where to continue, as the last answer said")] = None,
    limit: Annotated[int, typer.Option(help="Most runs to list")] = 50,
    json: Json = False,
    server: Server = None,
) -> None:
    """List what agents did, the newest run first."""
    if context.invoked_subcommand is None:
        asked = {
            "agent": agent,
            "service": service,
            "model": model,
            "user": user,
            "conversation": conversation,
        }
        asked |= {"text": text, "since": since, "cursor": cursor, "error": "true" if errors else None}
        view = ask(server, "/api/v1/runs", **asked, sort=sort, limit=limit)
        print_view(view, "list_runs", as_json=json)


@runs.command()
def why(run: _Id, *, json: Json = False, server: Server = None) -> None:
    """What happened in a run: the cause with the spans that show it, what to do, what it was not."""
    view = ask(server, f"/api/v1/runs/{_part(run)}/what-happened")
    print_view(view, "what_happened", as_json=json)


@runs.command()
def show(run: _Id, *, json: Json = False, server: Server = None) -> None:
    """Open a run: its steps as a tree, with time, errors, tokens, cost and the guard's answers."""
    print_view(ask(server, f"/api/v1/runs/{_part(run)}"), "get_run", as_json=json)


@runs.command()
def costs(
    *,
    by: Annotated[str, typer.Option(help="day, agent, service, user, model or conversation")] = "day",
    agent: _Agent = None,
    service: _Service = None,
    user: _User = None,
    since: _Since = None,
    json: Json = False,
    server: Server = None,
) -> None:
    """Show what agents cost and how many tokens they took."""
    view = ask(server, "/api/v1/run-costs", by=by, agent=agent, service=service, user=user, since=since)
    print_view(view, "run_costs", as_json=json)


@runs.command()
def compare(
    first: _Id,
    second: Annotated[str, typer.Argument(metavar="OTHER", help="The other run's id")],
    *,
    json: Json = False,
    server: Server = None,
) -> None:
    """Compare two runs: what differs, and where their steps part."""
    view = ask(server, f"/api/v1/runs/{_part(first)}/compare", **{"with": second})
    print_view(view, "compare_runs", as_json=json)


@runs.command()
def conversations(
    *,
    agent: _Agent = None,
    user: _User = None,
    since: _Since = None,
    json: Json = False,
    server: Server = None,
) -> None:
    """List conversations: the runs that share one, summed."""
    view = ask(server, "/api/v1/conversations", agent=agent, user=user, since=since)
    print_view(view, "list_conversations", as_json=json)


@runs.command()
def budgets(*, json: Json = False, server: Server = None) -> None:
    """Show what was taken of the budgets of tokens and dollars."""
    print_view(ask(server, "/api/v1/run-budgets"), "run_budgets", as_json=json)


@runs.command()
def annotate(
    run: _Id,
    name: Annotated[str, typer.Argument(help="What it is about: correct, quality, ...")],
    *,
    number: Annotated[str | None, typer.Option(help="A number")] = None,
    category: Annotated[str | None, typer.Option(help="A word")] = None,
    boolean: Annotated[str | None, typer.Option(help="true or false")] = None,
    by: Annotated[str, typer.Option(help="Who says so")] = "",
    json: Json = False,
    server: Server = None,
) -> None:
    """Say something of a run: a number, a word, or yes or no."""
    from flyball.cli.client import call, server_url  # noqa: PLC0415 - `flyball --help` stays quick

    fields = {"name": name, "number": number, "category": category, "boolean": boolean, "by": by}
    body = {key: value for key, value in fields.items() if value}
    made = call("POST", server_url(server), f"/api/v1/runs/{_part(run)}/annotations", body=body)
    print_view(made, "annotate_run", as_json=json)


def _part(run: str) -> str:
    """An id as a part of a path.

    Raises:
        InputError: no id is like this.
    """
    from flyball.errors import InputError  # noqa: PLC0415

    if not run.isalnum() or not run.isascii():
        raise InputError(
            f"a run's id has 32 hexadecimal digits, this is {run[:64]!r}; `flyball runs` lists them"
        )
    return run
