"""`flyball`: registers the commands and turns errors into one line and an exit code.

Commands import what they need when they run: `flyball --help` and `flyball distill` stay quick.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from flyball import __version__
from flyball.errors import ConfigurationError, FlyballError, InputError, NotFound, ServerUnreachable

app = typer.Typer(
    name="flyball",
    help="The governor for software that AI writes: what is new since that deploy, with evidence.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer's callback
    if wanted:
        typer.echo(f"flyball {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,  # noqa: FBT002
) -> None:
    del version


def exit_code(error: FlyballError) -> int:
    """The documented exit code of an error."""
    for kind, code in ((InputError, 2), (ConfigurationError, 2), (ServerUnreachable, 3), (NotFound, 4)):
        if isinstance(error, kind):
            return code
    return 1


def main() -> None:
    """Run the command line."""
    from flyball.cli import commands  # noqa: PLC0415 - registers itself on `app`

    commands.register(app)
    try:
        app()
    except FlyballError as error:
        print(f"flyball: {error}", file=sys.stderr)  # noqa: T201 - this is the terminal
        sys.exit(exit_code(error))
    except BrokenPipeError:
        # the reader went away (`flyball ... | head`): nothing is wrong
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
