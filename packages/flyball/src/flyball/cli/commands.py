"""The table of commands."""

from __future__ import annotations

import typer

from flyball.cli.demo import demo
from flyball.cli.distill import distill
from flyball.cli.doctor import doctor
from flyball.cli.guard import guard
from flyball.cli.guard_proxy import pin, proxy
from flyball.cli.hook import hook, install, status, uninstall
from flyball.cli.incidents import explain, incidents
from flyball.cli.mcp import mcp
from flyball.cli.memory import memory
from flyball.cli.runs import runs
from flyball.cli.up import up
from flyball.cli.whats_new import changes, verify, whats_new


def register(app: typer.Typer) -> None:
    """Put every command on the application."""
    app.command()(up)
    app.command()(demo)
    app.command()(distill)
    app.command("whats-new")(whats_new)
    app.command()(verify)
    app.add_typer(changes, name="changes")
    app.add_typer(incidents, name="incidents")
    app.command()(explain)
    app.add_typer(memory, name="memory")
    guard.command()(proxy)
    guard.command()(pin)
    app.add_typer(guard, name="guard")
    app.add_typer(runs, name="runs")
    app.command()(mcp)
    for command in (hook, install, uninstall, status, doctor):
        app.command()(command)
