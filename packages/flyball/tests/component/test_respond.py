"""Views as JSON."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime

import pytest
from flyball.component.respond import to_json
from flyball.model.cause import Cause
from flyball.model.lesson import Lesson, Likeness, Occurrence


@pytest.mark.parametrize("signals", [*itertools.permutations(["log", "span", "change"])])
def test_a_lesson_is_told_with_its_signals_in_one_order(signals: tuple[str, ...]) -> None:
    occurrence = Occurrence(
        incident_id="inc_0000000000000001.1",
        service="checkout",
        opened=datetime(2031, 1, 1, tzinfo=UTC),
        cause=Cause.POOL_EXHAUSTED,
        object="service/checkout",
        signals=frozenset(signals),
    )
    lesson = Lesson(occurrence=occurrence, likeness=Likeness.EXACT, similarity=1.0)
    told = json.loads(to_json({"lessons": (lesson,)}))
    assert told["lessons"][0]["occurrence"]["signals"] == ["change", "log", "span"]


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(TypeError):
        to_json({"path": object()})
