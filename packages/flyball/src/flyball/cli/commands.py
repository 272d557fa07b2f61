"""The table of commands."""

from __future__ import annotations

import typer

from flyball.cli.demo import demo
from flyball.cli.up import up


def register(app: typer.Typer) -> None:
    """Put every command on the application."""
    app.command()(up)
    app.command()(demo)
