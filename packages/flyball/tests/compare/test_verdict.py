from __future__ import annotations

import pytest
from flyball.compare.verdict import Counted, judge_deficit, judge_excess
from flyball.model.verdict import Outcome, worst

HEALTHY = Counted(count=0, exposure=25.0)
BROKEN = Counted(count=80, exposure=18.0)
D = 1.5


@pytest.mark.parametrize(
    ("repaired", "outcome"),
    [
        (Counted(count=0, exposure=16.0), Outcome.FIXED),
        (Counted(count=1, exposure=30.0), Outcome.FIXED),
        (Counted(count=70, exposure=16.0), Outcome.NOT_FIXED),
        (Counted(count=40, exposure=16.0), Outcome.NOT_FIXED),  # half of it is left
        (Counted(count=500, exposure=16.0), Outcome.WORSE),
        (Counted(count=0, exposure=1.0), Outcome.NOT_ENOUGH_DATA),
        (Counted(count=0, exposure=0.0), Outcome.NOT_ENOUGH_DATA),
    ],
)
def test_an_excess_must_go(repaired: Counted, outcome: Outcome) -> None:
    judgement = judge_excess(HEALTHY, BROKEN, repaired, D)
    assert judgement.outcome is outcome
    assert (judgement.confidence > 0.9) == (outcome is not Outcome.NOT_ENOUGH_DATA)


@pytest.mark.parametrize(
    ("repaired", "outcome"),
    [
        (Counted(count=200, exposure=20.0), Outcome.FIXED),
        (Counted(count=0, exposure=20.0), Outcome.NOT_FIXED),
        (Counted(count=1, exposure=0.5), Outcome.NOT_ENOUGH_DATA),
    ],
)
def test_a_deficit_must_come_back(repaired: Counted, outcome: Outcome) -> None:
    judgement = judge_deficit(Counted(count=250, exposure=25.0), Counted(count=0, exposure=20.0), repaired, D)
    assert judgement.outcome is outcome


def test_the_worst_verdict_speaks() -> None:
    assert worst((Outcome.FIXED, Outcome.NOT_ENOUGH_DATA)) is Outcome.NOT_ENOUGH_DATA
    assert worst((Outcome.FIXED, Outcome.NOT_FIXED, Outcome.NOT_ENOUGH_DATA)) is Outcome.NOT_FIXED
    assert worst((Outcome.WORSE, Outcome.NOT_FIXED)) is Outcome.WORSE
    assert worst(()) is Outcome.NOT_ENOUGH_DATA
