"""Which cause comes first: a mechanism before its symptoms, a callee before its callers, a change of what fails alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flyball.explain.check import check
from flyball.explain.engine import diagnose
from flyball.model.cause import SYMPTOMS, Cause
from flyball.model.diagnosis import Diagnosis, Standing
from flyball.model.signal import Signal, Surface
from harness.signals import START, calls, edge, log, metric, names, workload

FAILS = [91.0, 92.0]
WELL = [100.0] * 20


def _failing(it: str) -> tuple[list[Signal], list[Signal]]:
    """A service that answers fewer requests than ever, now and before."""
    return metric(it, "availability_percent", FAILS), metric(it, "availability_percent", WELL)


def _change(it: str, kind: str = "deploy", minutes: float = 4) -> Signal:
    at = START - timedelta(minutes=minutes)
    return Signal(surface=Surface.CHANGE, time=at, entity=it, key=kind, value="v42")


def _held(found: Diagnosis) -> list[tuple[Cause, str]]:
    return [(h.cause, h.object) for h in found.hypotheses if h.standing is Standing.HELD]


def test_a_mechanism_comes_before_the_symptoms_of_its_service() -> None:
    it = f"service/{names(61).word()}"
    now, usual = _failing(it)
    unresolved = log(it, "java.net.UnknownHostException: tax", severity=17, count=9)
    assert diagnose(now, usual).cause is Cause.FAILING_SERVICE
    found = diagnose([*now, unresolved], usual)
    assert _held(found) == [(Cause.DNS_FAILURE, it), (Cause.FAILING_SERVICE, it)]
    assert check(found) == []


def test_a_mechanism_of_another_service_explains_nothing() -> None:
    draw = names(62)
    it, other = f"service/{draw.word()}", f"service/{draw.word()}"
    now, usual = _failing(it)
    found = diagnose([*now, log(other, "java.net.UnknownHostException: tax", severity=17)], usual)
    assert (found.cause, found.object) == (Cause.FAILING_SERVICE, it)


def test_a_symptom_of_a_callee_does_not_explain_the_mechanism_of_its_caller() -> None:
    draw = names(63)
    it, callee = f"service/{draw.word()}", f"service/{draw.word()}"
    now, usual = _failing(callee)
    full = log(it, "QueuePool limit of size 5 overflow 0 reached", severity=17, count=9)
    found = diagnose([*now, edge(it, callee), full], usual)
    assert found.confidence == next(h.weight for h in found.hypotheses if h.cause is Cause.POOL_EXHAUSTED)


def test_the_same_cause_below_is_where_it_is() -> None:
    draw = names(64)
    users, database = [f"service/{draw.word()}" for _ in range(2)], f"database/{draw.word()}"
    many = [log(it, "FATAL: sorry, too many clients already", severity=17, count=50) for it in users]
    asks = [edge(it, database) for it in users]
    found = diagnose([*many, *asks, log(database, "FATAL: sorry, too many clients already", count=3)])
    assert (found.cause, found.object) == (Cause.DB_CONNECTIONS, database)
    assert {it for _, it in _held(found)} == {*users, database}


@pytest.mark.parametrize(("kind", "cause"), [("deploy", Cause.BAD_VERSION), ("config", Cause.CONFIG_CHANGE)])
def test_a_change_of_what_fails_alone_explains_it(kind: str, cause: Cause) -> None:
    it = f"service/{names(65).word()}"
    now, usual = _failing(it)
    found = diagnose([*now, _change(it, kind)], usual)
    assert _held(found) == [(cause, it), (Cause.FAILING_SERVICE, it)]
    assert check(found) == []


def test_a_change_explains_nothing_where_a_mechanism_does() -> None:
    it = f"service/{names(66).word()}"
    now, usual = _failing(it)
    slow = log(it, "canceling statement due to statement timeout", severity=17, count=9)
    found = diagnose([*now, _change(it), slow], usual)
    assert [cause for cause, _ in _held(found)][:2] == [Cause.DB_SLOW_QUERY, Cause.BAD_VERSION]


def test_a_change_of_a_caller_explains_nothing_that_its_callee_shows_too() -> None:
    draw = names(67)
    it, callee = f"service/{draw.word()}", f"service/{draw.word()}"
    both = [_failing(it), _failing(callee)]
    now, usual = [s for one in both for s in one[0]], [s for one in both for s in one[1]]
    found = diagnose([*now, edge(it, callee), _change(it)], usual)
    assert (found.cause, found.object) == (Cause.FAILING_SERVICE, callee)


def test_a_path_that_code_leaves_says_more_than_the_change_before_it() -> None:
    draw = names(68)
    it, kept, lost = f"service/{draw.word()}", draw.word(), draw.word()
    usual = [calls(it, "/do", 90), *(log(it, text, count=90, operation="/do") for text in (kept, lost))]
    now = [calls(it, "/do", 60), log(it, kept, count=60, operation="/do"), _change(it)]
    assert _held(diagnose(now, usual)) == [(Cause.CODE_PATH, it), (Cause.BAD_VERSION, it)]


def test_errors_that_it_never_wrote_are_explained_by_a_change_without_any_metric() -> None:
    it = f"service/{names(60).word()}"
    usual = [calls(it, "/do", 90), log(it, "done", count=90, operation="/do")]
    refused = log(it, "rejected, no region is assigned", severity=17, count=40, operation="/do")
    now = [calls(it, "/do", 60), log(it, "done", count=20, operation="/do"), refused]
    assert diagnose(now, usual).cause is Cause.EXCEPTION
    assert _held(diagnose([*now, _change(it, "flag")], usual))[0] == (Cause.CONFIG_CHANGE, it)


def test_a_healthy_change_is_no_cause() -> None:
    it = f"service/{names(69).word()}"
    assert diagnose([*workload(it), _change(it)], workload(it)).inconclusive


def test_symptoms_are_of_the_vocabulary_and_no_more_than_symptoms() -> None:
    assert Cause.FAILING_SERVICE in SYMPTOMS
    assert not SYMPTOMS & {Cause.BAD_VERSION, Cause.ENV_MISSING, Cause.POOL_EXHAUSTED, Cause.DB_UNREACHABLE}
