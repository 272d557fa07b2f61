"""The gallery sent to a real server: everything is counted, and its diagnosis is what the loader's signals lead to."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from gallery.live import Told, asked, table

pytestmark = pytest.mark.e2e

SCENARIOS = (
    "oom-killed loop",
    "unschedulable",
    "node down",
    "service selector or port wrong",
    "certificate expired",
    "connection-pool exhaustion",
    "lock contention",
    "bad version",
    "config or flag drift without a deploy",
    "cpu throttling",
    "old rollout as a red herring",
)
"""Pods, nodes, routing, network, databases, code, settings, resources, and one in which nothing is wrong."""

Answers = tuple[list[Told], Counter[str], Counter[str]]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    return asked(SCENARIOS, 21, tmp_path_factory.mktemp("gallery"))


def test_what_was_sent_is_counted(answers: Answers) -> None:
    _, sent, counted = answers
    assert counted == sent
    assert min(sent["logs"], sent["traces"], sent["metrics"], sent["changes"]) > 0


def test_live_says_what_the_loader_says(answers: Answers) -> None:
    told, _, _ = answers
    assert {one.played.name: one.live for one in told} == {one.played.name: one.played.loaded for one in told}
    assert [one.played.name for one in told if one.limits] == []
    assert len({str(one.live) for one in told}) > len(SCENARIOS) / 2
    assert told[-1].live.inconclusive


def test_a_difference_is_shown(answers: Answers) -> None:
    told, sent, counted = answers
    shown = table(told, sent, counted)
    assert f"same {len(SCENARIOS)} of {len(SCENARIOS)}; sent {{" in shown
    assert "the same counted" in shown
    other = replace(told[0], live=replace(told[0].live, first_step="Do nothing."), limits=["blind"])
    shown = table([other, *told[1:]], sent, Counter())
    assert f"| {told[0].played.loaded} | {told[0].live} | no |" in shown
    assert "limit: blind" in shown
    assert f"same {len(SCENARIOS) - 1} of {len(SCENARIOS)}" in shown
    assert "the same counted" not in shown
