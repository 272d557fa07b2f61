"""Calls for one request, what grows and does not stop, and queries that find nothing: each beside what resembles it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from flyball.explain.check import check
from flyball.explain.engine import diagnose
from flyball.model.cause import Cause
from flyball.model.diagnosis import Diagnosis, Standing
from flyball.model.signal import Signal, Surface
from harness.signals import START, calls, edge, log, metric, names, owned

QUERY = "SELECT rows"


def _named(found: Diagnosis) -> set[Cause]:
    return {h.cause for h in found.hypotheses if h.standing is Standing.HELD}


def _asked(caller: str, it: str, requests: int, statements: int) -> list[Signal]:
    """So many requests from a caller, and so many statements that they lead to."""
    return [
        calls(caller, "GET /", requests),
        replace(edge(caller, it, 1.0), count=requests),
        calls(it, "/get", requests),
        calls(it, QUERY, statements),
    ]


def _errors(it: str, operation: str, count: int) -> Signal:
    return Signal(
        surface=Surface.SPAN, time=START, entity=it, operation=operation, key="error", value=float(count), count=count
    )  # fmt: skip


def test_a_query_that_is_sent_for_each_row_is_named() -> None:
    draw = names(81)
    caller, it = f"service/{draw.word()}", f"service/{draw.word()}"
    found = diagnose(_asked(caller, it, 40, 1600), _asked(caller, it, 100, 100))
    assert (found.cause, found.object) == (Cause.N_PLUS_ONE, it)
    assert any("1600 times for 40 requests, before 100 times for 100" in claim.text for claim in found.claims)
    assert found.first_step is not None
    assert "SELECT rows" in found.first_step.text
    assert check(found) == []


def test_a_query_of_what_nobody_calls_is_held_against_its_own_requests() -> None:
    it = f"service/{names(82).word()}"
    usual = [calls(it, "GET /", 100), calls(it, "GET", 100), calls(it, QUERY, 100)]
    found = diagnose([calls(it, "GET /", 40), calls(it, "GET", 900), calls(it, QUERY, 900)], usual)
    assert (found.cause, found.object) == (Cause.N_PLUS_ONE, it)


@pytest.mark.parametrize(
    ("requests", "statements", "failed"),
    [(1000, 1000, 0), (40, 80, 0), (4, 4, 0), (40, 1600, 1500)],
    ids=["more traffic", "twice as many", "too few to tell", "tried again because it fails"],
)
def test_more_queries_for_another_reason_are_none_for_each_row(
    requests: int, statements: int, failed: int
) -> None:
    draw = names(83)
    caller, it = f"service/{draw.word()}", f"service/{draw.word()}"
    now = [*_asked(caller, it, requests, statements), *([_errors(it, QUERY, failed)] if failed else [])]
    assert Cause.N_PLUS_ONE not in _named(diagnose(now, _asked(caller, it, 100, 100)))


def _called(caller: str, it: str, requests: int, count: int, failed: int) -> list[Signal]:
    """So many requests at a caller, which calls a service so often, and how many of these failed."""
    return [
        calls(caller, "GET /", requests),
        replace(edge(caller, it, 1.0), count=count),
        calls(it, "/get", count),
        *([_errors(it, "/get", failed)] if failed else []),
    ]


def test_a_failing_service_that_is_called_again_and_again_is_a_retry_storm() -> None:
    draw = names(84)
    caller, it = f"service/{draw.word()}", f"service/{draw.word()}"
    now, usual = _called(caller, it, 80, 260, 200), _called(caller, it, 200, 200, 1)
    again = log(
        caller, "Retrying (Retry(total=2, connect=None)) after connection broken", severity=13, count=90
    )
    found = diagnose(now, usual)
    assert (found.cause, found.object, check(found)) == (Cause.RETRY_STORM, it, [])
    louder = diagnose([*now, again], usual)
    assert louder.confidence > found.confidence
    assert check(louder) == []


@pytest.mark.parametrize(
    ("requests", "count", "failed"),
    [(80, 260, 4), (260, 260, 200), (80, 84, 70)],
    ids=["called more and well", "more traffic", "failing and not called more"],
)
def test_more_calls_for_another_reason_are_no_retry_storm(requests: int, count: int, failed: int) -> None:
    draw = names(85)
    caller, it = f"service/{draw.word()}", f"service/{draw.word()}"
    found = diagnose(_called(caller, it, requests, count, failed), _called(caller, it, 200, 200, 1))
    assert Cause.RETRY_STORM not in _named(found)


LEVEL = [50.0 + n % 3 for n in range(40)]
GROWS = [51.0 + 3 * n for n in range(14)]


@pytest.mark.parametrize(
    ("key", "cause", "factor"),
    [
        ("memory.utilization_percent", Cause.MEMORY_LEAK, 1.0),
        ("memory", Cause.MEMORY_LEAK, 1e6),
        ("kafka.consumer_group.lag", Cause.CONSUMER_LAG, 1.0),
    ],
)
def test_what_grows_and_does_not_stop_is_named(key: str, cause: Cause, factor: float) -> None:
    draw = names(86)
    it = f"service/{draw.word()}"
    pod = draw.pod(it)
    now = [*owned(pod, it), *metric(pod, key, [factor * one for one in GROWS])]
    found = diagnose(now, metric(pod, key, [factor * one for one in LEVEL]))
    assert (found.cause, found.object, check(found)) == (cause, it, [])


@pytest.mark.parametrize(
    "values",
    [
        [92.0 + n % 3 for n in range(14)],
        [50.0 + 40 * (n % 4) / 3 for n in range(14)],
        [51.0 + 0.1 * n for n in range(14)],
        [51.0, 91.0],
    ],
    ids=["higher and level", "up and down", "hardly", "two samples"],
)
def test_memory_that_is_merely_higher_is_no_leak(values: list[float]) -> None:
    it = f"service/{names(87).word()}"
    found = diagnose(
        metric(it, "memory.utilization_percent", values), metric(it, "memory.utilization_percent", LEVEL)
    )
    assert Cause.MEMORY_LEAK not in _named(found)


def _migrated(it: str, minutes: float = 5) -> Signal:
    at = START - timedelta(minutes=minutes)
    return Signal(surface=Surface.CHANGE, time=at, entity=it, key="migration", value="0042")


def _found(it: str, empty: int, n: int, text: str = "query returned 0 rows for account 17") -> list[Signal]:
    return [
        edge(it, "database/main"),
        calls(it, "/list", n),
        log(it, "listed", count=n - empty, operation="/list"),
        *([log(it, text, severity=9, count=empty, operation="/list")] if empty else []),
    ]


@pytest.mark.parametrize("text", ["query returned 0 rows for account 17", "no orders found for account 17"])
def test_queries_that_find_nothing_since_a_migration_tell_of_hidden_rows(text: str) -> None:
    it = f"service/{names(88).word()}"
    found = diagnose([*_found(it, 60, 60, text), _migrated(it)], _found(it, 0, 150))
    assert (found.cause, found.object, check(found)) == (Cause.ROWS_HIDDEN, it, [])


def test_empty_answers_for_another_reason_hide_no_rows() -> None:
    it = f"service/{names(89).word()}"
    now, usual = _found(it, 60, 60), _found(it, 0, 150)
    without = [
        (now, usual),
        ([*_found(it, 9, 60), _migrated(it)], usual),
        ([*now, _migrated(it)], _found(it, 140, 150)),
        ([*now, _migrated(it), _errors(it, "/list", 30)], usual),
        ([*now, _migrated(it), *metric("database/main", "mysql.threads", [3.0])], usual),
        ([*now, _migrated(it, minutes=200)], usual),
    ]
    for seen, before in without:
        assert Cause.ROWS_HIDDEN not in _named(diagnose(seen, before))
