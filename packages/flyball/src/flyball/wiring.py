"""The wiring of incidents and of the guard: what each of them asks, and who hears of it.

A part of the composition root (`app.py`), which is the only one to call it.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from pathlib import Path

from flyball_sdk.guard.scene import Protected

from flyball.commands.narrate_incident import Narrating
from flyball.commands.remember_incident import Remembering
from flyball.commands.watch import Watch
from flyball.component.ports import Clock
from flyball.explain.bounds import Bounds
from flyball.explain.investigate import Investigator, Tools
from flyball.guard.anchor import Anchoring
from flyball.guard.keys import Keys, guard_folder
from flyball.guard.log import DecisionLog
from flyball.guard.operator import open_wall
from flyball.guard.policies import FOLDER, Policies
from flyball.guard.wall import Wall
from flyball.model.finding import Finding
from flyball.model.incident import Incident
from flyball.model.verdict import Outcome
from flyball.queries.changes import list_changes
from flyball.queries.checkup import Checkup
from flyball.queries.explanation import explain_incident
from flyball.queries.goes_on import goes_on
from flyball.queries.memory import lessons_of, seen_before
from flyball.queries.notice import Lookout
from flyball.queries.patterns import search_patterns
from flyball.queries.platform import Platform
from flyball.queries.ports import Ports
from flyball.queries.recurs import recurring
from flyball.queries.topology import Topology
from flyball.queries.verify import verify
from flyball.settings import Settings
from flyball.stores.state_sqlite import SqliteState

_MODEL_ROWS_MAX = 20
"""Patterns or changes that a language model is told at once."""


def remembering_of(ports: Ports, state: SqliteState) -> Remembering:
    """The memory, with what it asks."""

    async def verified(change: str) -> tuple[Outcome, Mapping[str, float]]:
        found = await verify(ports, change=change)
        decided = next((one for one in found.verdicts if one.outcome is found.verdict), None)
        numbers = {"expected": decided.expected, "counted": decided.repaired.count} if decided else {}
        return found.verdict, numbers

    return Remembering(
        memory=state,
        incidents=state,
        changes=state,
        clock=ports.clock,
        verify=verified,
        fingerprint_of=ports.catalog.fingerprint_of,
    )


def watch_of(
    ports: Ports, state: SqliteState, remembering: Remembering, count: Callable[[str, str], None]
) -> Watch:
    """The watch over incidents, with what it asks and who hears of it; `count` hears what failed, of which edge."""
    lookout, platform = Lookout(ports), Platform(ports)
    checkup = Checkup(ports, failed=lambda: count("watch", "failed check-ups"))

    async def look(
        known: Collection[str], troubled: Collection[str], settled: Mapping[tuple[str, str], datetime]
    ) -> list[Finding]:
        return [
            *await lookout.look(known, troubled, settled),
            *await platform.look(known, settled),
            *await checkup.look(known, troubled, settled),
        ]

    return Watch(
        incidents=state,
        changes=state,
        evidence=state,
        clock=ports.clock,
        look=look,
        recurring=functools.partial(recurring, ports),
        calls=Topology(ports).calls,
        explain=functools.partial(explain_incident, ports),
        goes_on=functools.partial(goes_on, ports),
        told=remembering.told,
        over=remembering.over,
    )


def wall_of(folder: Path, clock: Clock, settings: Settings) -> Wall:
    """The guard of this data folder, with its keys made, its log opened and its policies in force.

    Raises:
        ConfigurationError: a file of its cannot be used.
        InputError: a policy file that was never seen is none.
    """
    guard = guard_folder(folder)
    keys = Keys.at(guard)
    wall = Wall(
        keys=keys,
        log=DecisionLog(
            guard / "log",
            keys.sign,
            lambda: clock.now_ns() // 1_000_000,
            bytes_max=settings.guard_log_bytes_max,
        ),
        policies=Policies(guard / FOLDER, _own(folder, settings)),
        clock=clock,
        anchoring=Anchoring(settings.guard_anchor),
    )
    open_wall(wall)
    return wall


def _own(folder: Path, settings: Settings) -> Protected:
    """What nobody but the operator may touch: the data folder, the interpreter, its process and its ports."""
    return Protected(
        paths=(str(folder.resolve()), sys.executable, str(Path(sys.executable).resolve())),
        pids=frozenset({os.getpid()}),
        ports=frozenset({settings.port, settings.otlp_http_port, settings.otlp_grpc_port}),
    )


def narrating_of(settings: Settings, ports: Ports, state: SqliteState) -> Narrating:
    """The language model beside the diagnosis, with its bounds and what it may ask."""

    def tools(incident: Incident) -> Tools:
        return Tools(
            open_evidence=ports.evidence.evidence,
            search_patterns=lambda text: search_patterns(ports, contains=text, limit=_MODEL_ROWS_MAX),
            list_changes=lambda: list_changes(ports, environment=incident.environment, limit=_MODEL_ROWS_MAX),
            seen_before=lambda: seen_before(ports, incident_id=incident.id),
        )

    return Narrating(
        incidents=state,
        clock=ports.clock,
        investigator=Investigator(
            model=settings.model,
            base_url=settings.model_base_url,
            ledger=state,
            clock=ports.clock,
            per_incident=Bounds(
                calls=settings.model_calls_max,
                tokens=settings.model_tokens_max,
                usd=settings.model_usd_max,
                seconds=settings.model_seconds_max,
            ),
            per_day=Bounds(
                calls=settings.model_day_calls_max,
                tokens=settings.model_day_tokens_max,
                usd=settings.model_day_usd_max,
                seconds=settings.model_day_seconds_max,
            ),
            model_log=settings.model_log,
        ),
        lessons=functools.partial(lessons_of, ports),
        tools=tools,
    )
