"""`flyball demo`: a shop, a bad deploy, what is new since then, the fix, the verdict (told in demo_story.py)."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


def demo(
    *,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else")] = False,
    once: Annotated[bool, typer.Option("--once", help="End after the verdict")] = False,
    no_fix: Annotated[bool, typer.Option("--no-fix", help="The third version repairs nothing")] = False,
    no_fault: Annotated[bool, typer.Option("--no-fault", help="The deploy changes nothing")] = False,
) -> None:
    """Show what is new since a bad deploy, and whether the fix works, on a small real shop.

    Takes under 90 seconds, needs no key and leaves nothing behind. Exit code 0 when the answers came, 1 when
    they did not, 130 when interrupted before.
    """
    import orjson  # noqa: PLC0415 - `flyball --help` stays quick

    from flyball.cli.demo_story import Outcome, tell  # noqa: PLC0415

    def show(outcome: Outcome) -> None:
        if json:
            sys.stdout.buffer.write(orjson.dumps(outcome, option=orjson.OPT_APPEND_NEWLINE))
            sys.stdout.flush()

    outcome = tell(show, quiet=json, once=once, no_fix=no_fix, no_fault=no_fault)
    if bool(outcome.findings) == no_fault:
        raise typer.Exit(1)
