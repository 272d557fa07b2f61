"""Decisions are copied into the telemetry store, once each, and asked for together with those in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest
from flyball.commands.record_decisions import RecordDecisions
from flyball.guard.operator import past_decisions
from flyball.queries.guard_decisions import guard_decisions
from flyball.queries.ports import Ports
from flyball.stores.telemetry_chdb import ChdbTelemetry
from harness.wall import DELETE, Guarded

pytestmark = pytest.mark.anyio


def _ports(guarded: Guarded, telemetry: ChdbTelemetry) -> Ports:
    none = cast("Any", None)
    return Ports(
        telemetry=telemetry, changes=none, evidence=none, incidents=none, memory=none, catalog=none,
        clock=guarded.clock, wall=guarded.wall,
    )  # fmt: skip


async def _commands(ports: Ports, **asked: Any) -> list[str]:
    view = await guard_decisions(ports, **asked)
    return [row["call"]["command"] for row in view.decisions]


async def test_decisions_of_before_the_start_are_found_again(
    tmp_path: Path, telemetry: ChdbTelemetry
) -> None:
    guarded = Guarded(tmp_path / "guard")
    recording = RecordDecisions(telemetry, "default")
    guarded.wall.sink = recording.put
    guarded.ask("ls", agent_name="a")
    guarded.ask(DELETE, agent_name="b")
    await recording.round()
    guarded.ask("pwd", agent_name="b")  # the process is killed before this one is copied
    before = await guard_decisions(_ports(guarded, telemetry))
    guarded.again()
    again = RecordDecisions(telemetry, "default")
    for _ in range(2):
        await again.catch_up(past_decisions(guarded.wall.log))
    ports = _ports(guarded, telemetry)
    assert await _commands(ports) == ["pwd", DELETE, "ls"]
    assert await _commands(ports, agent="b") == ["pwd", DELETE]
    assert await _commands(ports, action="stopped") == [DELETE]
    assert await _commands(ports, rule="files.delete-tree-outside") == [DELETE]
    assert await _commands(ports, limit=1) == ["pwd"]
    after = await guard_decisions(ports)
    shown = {
        name: [row[name] for row in before.decisions] for name in ("n", "t", "id", "action", "would", "mac")
    }
    assert {name: [row[name] for row in after.decisions] for name in shown} == shown
    assert after.decisions[1]["effects"] == before.decisions[1]["effects"]


async def test_what_does_not_fit_is_counted(
    telemetry: ChdbTelemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flyball.commands.record_decisions.WAITING_MAX", 2)
    recording = RecordDecisions(telemetry, "default")
    for number in range(5):
        recording.put({"n": number})
    assert recording.dropped == 3


async def test_what_comes_during_a_round_is_the_next_rounds(tmp_path: Path) -> None:
    guarded = Guarded(tmp_path / "guard")
    inserted: list[int] = []

    class Slow:
        """A store during whose insert another call is judged."""

        async def insert_decisions(self, rows: pa.Table) -> None:
            inserted.append(rows.num_rows)
            if len(inserted) < 10:
                guarded.ask(f"ls {len(inserted)}")

        async def last_decision(self) -> int:
            return 0

    recording = RecordDecisions(Slow(), "default")
    guarded.wall.sink = recording.put
    guarded.ask("ls")
    guarded.ask("pwd")
    await recording.round()
    assert inserted == [2]
    await recording.round()
    assert inserted == [2, 1]
