"""How a finding sounds is a small part of the order of findings, and of nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flyball.model.finding import Finding, FindingKind, Numbers
from flyball.model.window import SignalKind
from flyball.queries.whats_new import SENTIMENT_PART, _toned


def finding(
    template: str, kind: FindingKind = FindingKind.NEW, signal: SignalKind = SignalKind.LOG
) -> Finding:
    numbers = Numbers(count=5, seconds=60)
    return Finding(
        id="fnd_1",
        kind=kind,
        service="shop",
        environment="prod",
        version="2",
        signal_kind=signal,
        fingerprint="0" * 16,
        template=template,
        severity="INFO",
        severity_number=9,
        count=5,
        before=numbers,
        after=numbers,
        ratio=None,
        p=0.001,
        q=0.001,
        surprise=3.0,
        harm=0.5,
        score=1.5,
        change_id="chg_1",
    )


def test_of_two_that_are_equal_otherwise_the_worse_sounding_leads() -> None:
    bad, plain, good = (
        _toned(finding(text)).score for text in ("payment failed", "payment taken", "payment recovered")
    )
    assert bad > plain > good
    assert plain == 1.5


@pytest.mark.parametrize(
    "template", ["fatal panic crash corrupt deadlock", "recovered resolved fixed healthy ok"]
)
def test_it_moves_a_score_by_a_tenth_at_most(template: str) -> None:
    toned = _toned(finding(template))
    assert abs(toned.score / 1.5 - 1.0) <= SENTIMENT_PART
    assert toned.score == toned.surprise * toned.harm
    assert replace(toned, harm=0.5, score=1.5) == finding(template)


def test_what_went_away_and_what_is_no_sentence_is_left_alone() -> None:
    gone = finding("payment failed", FindingKind.GONE)
    span = finding("failed", signal=SignalKind.SPAN)
    assert _toned(gone) == gone
    assert _toned(span) == span
