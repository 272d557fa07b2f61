"""`flyball memory`: what was seen before, what worked for a cause, and the memory as a document."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from flyball.cli.whats_new import Json, Server, ask, print_view

memory = typer.Typer(help="What is remembered of incidents and their fixes.", no_args_is_help=True)


@memory.command("seen-before")
def seen_before(
    incident: Annotated[str | None, typer.Argument(metavar="[ID]", help="The incident's id, inc_...")] = None,
    *,
    cause: Annotated[
        str | None, typer.Option(help="A cause in the words of a diagnosis: connection pool exhausted")
    ] = None,
    json: Json = False,
    server: Server = None,
) -> None:
    """Whether an incident's like was there before, and which fixes worked for its kind."""
    view = ask(server, "/api/v1/seen-before", incident=incident, cause=cause)
    print_view(view, "seen_before", as_json=json)


@memory.command("export")
def export_memory(*, server: Server = None) -> None:
    """Write the whole memory to standard output as one JSON document."""
    import orjson  # noqa: PLC0415 - `flyball --help` stays quick

    sys.stdout.buffer.write(orjson.dumps(ask(server, "/api/v1/memory"), option=orjson.OPT_INDENT_2))
    sys.stdout.write("\n")


@memory.command("import")
def import_memory(
    file: Annotated[Path, typer.Argument(help="A document that `flyball memory export` wrote")],
    *,
    server: Server = None,
) -> None:
    """Read a memory in; what is there already stays as it is."""
    import orjson  # noqa: PLC0415

    from flyball.cli.client import call, server_url  # noqa: PLC0415
    from flyball.errors import InputError  # noqa: PLC0415

    try:
        document = orjson.loads(file.read_bytes())
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise InputError(f"{file} is no memory of Flyball: {error}") from error
    answer = call("POST", server_url(server), "/api/v1/memory", body=document)
    sys.stdout.write(f"{answer['added']} incidents, fixes and outcomes were new\n")
