"""Findings that belong together are one incident, in whatever order they come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from flyball.detect.correlate import Calls, Correlate
from flyball.model.finding import Finding, FindingKind, Numbers
from flyball.model.incident import (
    ACTS_MAX,
    EPISODES_MAX,
    FINDINGS_MAX,
    LEFT_OUT_MAX,
    Incident,
    IncidentState,
    key,
)
from flyball.model.severity import Severity
from harness.findings import NOON, finding
from hypothesis import given
from hypothesis import strategies as st

NOW = NOON + timedelta(seconds=20)
CHAIN: Calls = {
    "storefront": frozenset({"checkout"}),
    "checkout": frozenset({"payments"}),
    "payments": frozenset({"ledger"}),
    "ledger": frozenset({"archive"}),
}


def correlated(
    findings: Iterable[Finding],
    known: Sequence[Incident] = (),
    *,
    calls: Calls | None = None,
    now: datetime = NOW,
) -> list[Incident]:
    return Correlate().process(findings, known, calls or {}, workspace="default", now=now)


def grouped(incidents: Iterable[Incident]) -> set[frozenset[str]]:
    return {frozenset(key(one) for one in incident.findings) for incident in incidents}


def resolved(incident: Incident, *, minutes: float = 5) -> Incident:
    return replace(
        incident,
        state=IncidentState.RESOLVED,
        resolved=incident.began + timedelta(minutes=minutes),
        cause="connection pool exhausted",
        resolved_by="chg_fix",
    )


def test_what_one_service_shows_is_one_incident() -> None:
    worse = finding(fingerprint="bb", score=9.0, count=50, change_id="chg_1", second=3)
    (incident,) = correlated([finding(), worse])
    assert incident.state is IncidentState.OPEN
    assert [one.fingerprint for one in incident.findings] == ["bb", "aa"]
    assert (incident.began, incident.opened) == (NOON, NOW)
    assert incident.suspect == "chg_1"
    assert incident.touched == 50
    assert incident.title.startswith("checkout: new bb")
    assert [act.evidence for act in incident.acts] == [("ev_checkout_aa",), ("ev_checkout_bb",)]


def test_strangers_are_incidents_of_their_own() -> None:
    assert len(correlated([finding("checkout", "aa"), finding("search", "bb")])) == 2


def test_one_failure_on_several_services_is_one_incident() -> None:
    storm = [finding(name, "retry") for name in ("checkout", "payments", "search")]
    (incident,) = correlated(storm)
    assert set(incident.services) == {"checkout", "payments", "search"}
    spans = replace(finding("ledger", "retry"), signal_kind="span")
    assert len(correlated([*storm, spans])) == 2, "an operation is no log line, whatever its fingerprint"
    whole = [
        finding(name, "", kind=FindingKind.SILENCE, after=Numbers(count=0, seconds=300)) for name in "ab"
    ]
    assert len(correlated(whole)) == 2, "no fingerprint is no fingerprint in common"


@pytest.mark.parametrize(
    ("other", "incidents"), [("checkout", 1), ("payments", 1), ("ledger", 1), ("archive", 2)]
)
def test_a_failure_travels_three_calls(other: str, incidents: int) -> None:
    for first, second in (("storefront", other), (other, "storefront")):
        found = [finding(first, "aa"), finding(second, "bb", second=5)]
        assert len(correlated(found, calls=CHAIN)) == incidents


def test_calls_in_a_circle_end() -> None:
    circle: Calls = {"a": frozenset({"b"}), "b": frozenset({"a"})}
    assert len(correlated([finding("a", "aa"), finding("b", "bb")], calls=circle)) == 1


def test_a_change_joins_what_it_touched() -> None:
    of_one = [finding("checkout", "aa", change_id="chg_1"), finding("search", "bb", change_id="chg_1")]
    assert len(correlated(of_one)) == 1
    assert len(correlated([of_one[0], replace(of_one[1], change_id="chg_2")])) == 2


@pytest.mark.parametrize(("minutes", "incidents"), [(9, 1), (11, 2), (-9, 1), (-11, 2)])
def test_a_call_joins_what_began_near_in_time(minutes: float, incidents: int) -> None:
    (opened,) = correlated([finding("payments", "aa")], calls=CHAIN, now=NOON)
    later = finding("checkout", "bb", second=60 * minutes)
    changed = correlated([later], [opened], calls=CHAIN, now=NOON + timedelta(minutes=max(minutes, 0)))
    assert len({incident.id for incident in [opened, *changed]}) == incidents
    same = finding("payments", "cc", second=60 * minutes)
    (joined,) = correlated([same], [opened], now=NOON + timedelta(hours=1))
    assert joined.id == opened.id, "a service is one place however long it fails"


def test_environments_are_apart() -> None:
    found = [finding(), finding(environment="staging")]
    assert {incident.environment for incident in correlated(found)} == {"prod", "staging"}
    assert len(correlated(found)) == 2


def test_what_is_no_incident_by_itself_joins_one() -> None:
    warning = finding(fingerprint="bb", severity_number=int(Severity.WARN), second=2)
    slower = finding("payments", "cc", kind=FindingKind.LATENCY, ratio=1.5, second=4)
    assert correlated([warning, slower], calls=CHAIN) == []
    (incident,) = correlated([finding(), warning, slower], calls=CHAIN)
    assert len(incident.findings) == 3


def test_the_same_again_changes_nothing() -> None:
    (incident,) = correlated([finding()])
    (again,) = correlated([replace(finding(), count=99)], [incident], now=NOW + timedelta(minutes=1))
    assert again == incident


MANY = [
    finding("payments", "aa"),
    finding("payments", "bb", second=1, score=9.0),
    finding("checkout", "cc", second=4),
    finding("storefront", "dd", second=9),
    finding("search", "ee", second=2),
    finding("search", "ff", second=2, severity_number=int(Severity.WARN)),
    finding("mail", "ee", second=12),
    finding("payments", "aa", environment="staging"),
    finding("archive", "gg", second=700),
    finding("billing", "hh", change_id="chg_1", second=3),
    finding("reports", "ii", change_id="chg_1", second=3),
]


@given(st.permutations(MANY))
def test_the_order_of_arrival_does_not_matter(order: list[Finding]) -> None:
    by_id = {one.id: one for one in correlated(order, calls=CHAIN)}
    assert by_id == {one.id: one for one in correlated(MANY, calls=CHAIN)}
    assert len(by_id) == 5


@given(st.permutations(MANY[:9]), st.integers(0, 9))
def test_what_comes_a_round_later_finds_its_incident(order: list[Finding], first: int) -> None:
    """No cut in two rounds leaves a finding alone that has a home; which line opens it may differ."""
    early = correlated(order[:first], calls=CHAIN, now=NOW)
    late = correlated(order[first:], early, calls=CHAIN, now=NOW + timedelta(seconds=5))
    held = {one.id: one for one in [*early, *late]}
    for incident in held.values():
        for other in held.values():
            shared = set(incident.services) & set(other.services)
            assert incident.id == other.id or incident.environment != other.environment or not shared


def test_it_comes_again_as_its_next_episode_with_what_is_new_beside_it() -> None:
    (first,) = correlated([finding()])
    over = resolved(first)
    back = finding(second=3600, change_id="chg_9")
    beside = finding(fingerprint="bb", second=3590)
    now = NOON + timedelta(seconds=3610)
    (again,) = correlated([beside, back], [over], now=now)
    assert (again.id, again.episode, again.state) == (first.id, 2, IncidentState.OPEN)
    assert {one.fingerprint for one in again.findings} == {"aa", "bb"}
    assert (again.cause, again.resolved, again.resolved_by, again.diagnoses) == ("", None, "", 0)
    assert (again.began, again.opened, again.suspect) == (NOON + timedelta(seconds=3590), now, "chg_9")
    (episode,) = again.earlier
    assert (episode.began, episode.ended) == (over.began, over.resolved)
    assert (episode.cause, episode.resolved_by) == ("connection pool exhausted", "chg_fix")


def test_an_episode_does_not_begin_before_the_one_before_it_ended() -> None:
    """A finding that is held against the time before an older deploy reaches back over what was over."""
    (first,) = correlated([finding()])
    over = resolved(first)
    now = NOON + timedelta(seconds=3610)
    (again,) = correlated([finding(second=3600)], [over], now=now)
    (grown,) = correlated([finding(fingerprint="bb", second=1)], [again], now=now)
    assert {one.fingerprint for one in grown.findings} == {"aa", "bb"}
    assert grown.began == over.resolved


def test_a_history_tells_what_was_found_and_where_it_reached() -> None:
    (incident,) = correlated([finding()])
    elsewhere = finding("storefront", fingerprint="bb", template="x" * 99)
    grown = incident
    for one in (finding(fingerprint="cc"), elsewhere):
        (grown,) = correlated([one], [grown], calls=CHAIN)
    assert [act.what for act in grown.acts] == [
        "found: “aa failed <*>” New: aa",
        "also: “cc failed <*>” New: cc",
        f"reached storefront: “{'x' * 79}…” New: bb",
    ]


def test_another_failure_of_a_service_that_recovered_is_another_incident() -> None:
    (first,) = correlated([finding()])
    (other,) = correlated([finding(fingerprint="bb", second=3600)], [resolved(first)], now=NOW)
    assert other.id != first.id


def test_what_goes_on_comes_before_what_is_over() -> None:
    (old,) = correlated([finding(fingerprint="aa")])
    (live,) = correlated([finding(fingerprint="bb", second=1800)], now=NOON + timedelta(minutes=31))
    back = finding(fingerprint="aa", second=1900)
    (joined,) = correlated([back], [resolved(old), live], now=NOON + timedelta(minutes=32))
    assert joined.id == live.id


def test_a_flood_of_findings_keeps_the_gravest_and_counts_each_other_once() -> None:
    flood = [finding(fingerprint=f"{n:03}", score=float(n)) for n in range(FINDINGS_MAX + 30)]
    (incident,) = correlated(flood)
    assert len(incident.findings) == FINDINGS_MAX
    assert min(one.score for one in incident.findings) == 30.0
    assert incident.more_findings == 30
    assert incident.keys == {key(one) for one in flood}
    (again,) = correlated(flood, [incident], now=NOW + timedelta(minutes=1))
    assert again == incident, "nothing of this is news"
    graver = finding(fingerprint="zz", score=99.0)
    (grown,) = correlated([graver], [incident], now=NOW + timedelta(minutes=1))
    assert grown.findings[0].fingerprint == "zz"
    assert (len(grown.findings), grown.more_findings) == (FINDINGS_MAX, 31)


def test_what_a_flood_leaves_out_is_bounded() -> None:
    flood = [finding(fingerprint=f"{n:04}") for n in range(FINDINGS_MAX + LEFT_OUT_MAX + 10)]
    (incident,) = correlated(flood)
    assert (len(incident.findings), incident.more_findings) == (FINDINGS_MAX, LEFT_OUT_MAX)


def test_a_history_keeps_its_first_and_newest_acts() -> None:
    (incident,) = correlated([finding()])
    for number in range(ACTS_MAX + 20):
        late = finding(fingerprint=f"{number:03}", second=number)
        (incident,) = correlated([late], [incident], now=NOW + timedelta(seconds=number))
    assert len(incident.acts) == ACTS_MAX
    assert incident.acts[0].what == "found: “aa failed <*>” New: aa"
    assert incident.acts[-1].what == f"also: “{ACTS_MAX + 19:03} failed <*>” New: {ACTS_MAX + 19:03}"


def test_episodes_are_bounded() -> None:
    (incident,) = correlated([finding()])
    for hour in range(1, EPISODES_MAX + 6):
        second = 3600 * hour
        back = finding(second=second)
        (incident,) = correlated([back], [resolved(incident)], now=NOON + timedelta(seconds=second + 10))
    assert incident.episode == EPISODES_MAX + 6
    assert len(incident.earlier) == EPISODES_MAX
    assert incident.earlier[-1].began == NOON + timedelta(hours=EPISODES_MAX + 4)
