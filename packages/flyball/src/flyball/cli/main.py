"""`flyball`: registers the commands and turns errors into one line and an exit code.

Commands import what they need when they run: `flyball --help` and `flyball distill` stay quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from flyball import __version__
from flyball.cli.exit_codes import INTERRUPTED, exit_code
from flyball.errors import FlyballError

ENVIRONMENT = {
    "FLYBALL_SERVER": "the server that commands ask, where `--server` is not given",
    "FLYBALL_TOKEN": "the token that commands present, and that `flyball up` demands",
    "FLYBALL_TRACEBACK": "when set, an unexpected error shows its traceback instead of one line",
}
"""What commands read besides their options; `flyball up` also reads the settings as FLYBALL_*."""

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
    version: Annotated[  # noqa: FBT002 - typer's option
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end")
    ] = False,
) -> None:
    del version


def main() -> None:
    """Run the command line, and end the process with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line; whatever goes wrong is one line on stderr and the code that is documented.

    Typer's own `app()` would print usage errors over five lines and swallow a closed pipe, so the command is
    invoked without it.
    """
    try:
        code = _invoke(arguments)
        sys.stdout.flush()  # a reader that went away is noticed here, not by the interpreter at exit
    except typer.Exit as stop:
        return stop.exit_code
    except BrokenPipeError:
        # the reader went away (`flyball ... | head`): nothing is wrong
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except FlyballError as error:
        return _say(str(error), exit_code(error))
    except Exception as error:
        if os.environ.get("FLYBALL_TRACEBACK"):
            raise
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return _say(f"{text} (FLYBALL_TRACEBACK=1 shows where)", 1)
    return code


def _invoke(arguments: Sequence[str]) -> int:
    from flyball.cli import commands  # noqa: PLC0415 - registers itself on `app`

    commands.register(app)
    command = typer.main.get_command(app)
    try:
        with command.make_context("flyball", list(arguments)) as context:
            command.invoke(context)
    except TyperException as error:
        return _misused(error)
    return 0


def _misused(error: Any) -> int:
    """A usage error in one line; a bare `flyball` prints its help."""
    path = getattr(getattr(error, "ctx", None), "command_path", "flyball")
    text = error.format_message()
    if "\n" in text.strip():  # the help that a bare `flyball` asks for
        sys.stdout.write(text.rstrip() + "\n")
        return 2
    return _say(f"{text.rstrip('.')}; `{path} --help` tells what there is", error.exit_code)


def _say(sentence: str, code: int) -> int:
    sys.stderr.write(f"flyball: {' '.join(sentence.split())}\n")
    return code
