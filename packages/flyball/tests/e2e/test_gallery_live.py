"""The gallery sent to a real server: everything is counted, and its diagnosis is what the loader's signals lead to."""

from __future__ import annotations

from pathlib import Path

import pytest
from gallery.live import asked, report

pytestmark = pytest.mark.e2e

SCENARIOS = (
    "oom-killed loop",
    "bad image tag",
    "unschedulable",
    "node down",
    "service selector or port wrong",
    "certificate expired",
    "slow dependency",
    "connection-pool exhaustion",
    "lock contention",
    "rls denied",
    "bad version",
    "config or flag drift without a deploy",
    "cpu throttling",
    "old rollout as a red herring",
)
"""Pods, nodes, routing, network, databases, code, settings, resources, and one in which nothing is wrong."""


def test_live_says_what_the_loader_says(tmp_path: Path) -> None:
    told, sent, counted = asked(SCENARIOS, 21, tmp_path)
    assert counted == sent
    assert min(sent["logs"], sent["traces"], sent["metrics"], sent["changes"]) > 0
    assert {one.played.name: one.live for one in told} == {one.played.name: one.played.loaded for one in told}
    assert [one.played.name for one in told if one.limits] == []
    assert len({str(one.live) for one in told}) > len(SCENARIOS) / 2
    assert told[-1].live.inconclusive


def test_each_scenario_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(["connection-pool exhaustion"], 21) == 0
    said = capsys.readouterr().out
    assert "| connection-pool exhaustion | " in said
    assert "same 1 of 1; sent {" in said
    assert "the same counted" in said
