"""Which changes telemetry shows: new versions, rollbacks, and what is neither."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flyball.enrich.changes import Seen, Sightings, merged
from flyball.model.batch import Source
from flyball.model.change import Change, ChangeKind, VersionSource

S = 1_000_000_000
T0 = 1_795_262_400 * S


def seen(version: str, at_s: float, *, newest_s: float | None = None, service: str = "checkout") -> Seen:
    source = Source(
        workspace="default",
        service=service,
        environment="prod",
        version=version,
        version_source=VersionSource.SERVICE_VERSION,
    )
    newest = at_s if newest_s is None else newest_s
    return Seen(source=source, received_ns=T0 + int(at_s * S), newest_ns=T0 + int(newest * S))


def changes(sightings: Sightings, *observed: Seen) -> list[tuple[ChangeKind, str, str]]:
    found: list[Change] = []
    for one in observed:
        found += sightings.observe([one])[1]
    return [(c.kind, c.previous_version, c.version) for c in found]


def test_a_first_version_and_the_next_are_deploys() -> None:
    assert changes(Sightings([]), seen("v1", 0), seen("v1", 10), seen("v2", 20), seen("v2", 30)) == [
        (ChangeKind.DEPLOY, "", "v1"),
        (ChangeKind.DEPLOY, "v1", "v2"),
    ]


def test_records_without_a_version_show_no_change() -> None:
    assert changes(Sightings([]), seen("", 0), seen("", 10)) == []


def test_a_rolling_deploy_is_one_change() -> None:
    both = [seen(version, at) for at in range(20, 200, 5) for version in ("v1", "v2")]
    assert changes(Sightings([]), seen("v1", 0), *both) == [
        (ChangeKind.DEPLOY, "", "v1"),
        (ChangeKind.DEPLOY, "v1", "v2"),
    ]


def test_a_straggler_is_no_rollback() -> None:
    talking = [seen("v2", at) for at in range(20, 120, 5)]
    straggler = [seen("v1", 62), seen("v1", 90)]
    ordered = sorted([*talking, *straggler], key=lambda s: s.received_ns)
    assert changes(Sightings([]), seen("v1", 0), *ordered)[2:] == []


def test_an_exporter_that_empties_its_buffer_late_is_no_rollback() -> None:
    late = [seen("v1", at, newest_s=15) for at in range(100, 200, 5)]
    assert changes(Sightings([]), seen("v1", 0), seen("v2", 20), *late)[2:] == []


def test_an_earlier_version_that_takes_over_is_a_rollback_once() -> None:
    back = [seen("v1", at) for at in range(100, 200, 5)]
    assert changes(Sightings([]), seen("v1", 0), seen("v2", 20), *back)[2:] == [
        (ChangeKind.ROLLBACK, "v2", "v1")
    ]


def test_one_stray_record_of_an_old_version_is_no_rollback() -> None:
    assert changes(Sightings([]), seen("v1", 0), seen("v2", 20), seen("v1", 200), seen("v2", 201))[2:] == []


def test_a_version_that_returns_after_a_rollback_is_a_change_again() -> None:
    back = [seen("v1", at) for at in range(100, 130, 5)]
    forth = [seen("v2", at) for at in range(300, 330, 5)]
    assert changes(Sightings([]), seen("v1", 0), seen("v2", 20), *back, *forth)[2:] == [
        (ChangeKind.ROLLBACK, "v2", "v1"),
        (ChangeKind.ROLLBACK, "v1", "v2"),
    ]


def test_services_and_environments_do_not_mix() -> None:
    sightings = Sightings([])
    assert changes(sightings, seen("v1", 0), seen("v1", 1, service="payments")) == [
        (ChangeKind.DEPLOY, "", "v1"),
        (ChangeKind.DEPLOY, "", "v1"),
    ]


def test_what_was_learnt_survives_a_restart() -> None:
    first = Sightings([])
    states = first.observe([seen("v1", 0)])[0] + first.observe([seen("v2", 20)])[0]
    latest = {(s.service, s.version): s for s in states}
    again = Sightings(latest.values())
    assert changes(again, seen("v1", 30), seen("v2", 31), seen("v3", 40)) == [(ChangeKind.DEPLOY, "v2", "v3")]


def change(*, announced: bool, minutes: float, version: str = "v2", commit: str = "") -> Change:
    time = datetime(2026, 11, 21, 12, tzinfo=UTC) + timedelta(minutes=minutes)
    return Change(
        id=f"chg_{announced}_{minutes}",
        workspace="default",
        service="checkout",
        environment="prod",
        version=version,
        previous_version="" if announced else "v1",
        kind=ChangeKind.DEPLOY,
        time=time,
        announced=announced,
        seen=None if announced else time,
        commit=commit,
    )


@pytest.mark.parametrize("gap", [-14.9, -1, 0, 1, 14.9])
def test_an_announcement_and_a_sighting_within_15_minutes_are_one_change(gap: float) -> None:
    announced, sighted = (
        change(announced=True, minutes=0, commit="9f2c1"),
        change(announced=False, minutes=gap),
    )
    for known, other in ((announced, sighted), (sighted, announced)):
        both = merged(known, other)
        assert both is not None
        assert (both.id, both.time, both.commit) == (known.id, announced.time, "9f2c1")
        assert (both.seen, both.previous_version, both.announced) == (sighted.time, "v1", True)


def test_what_is_further_apart_or_another_version_is_two_changes() -> None:
    announced = change(announced=True, minutes=0)
    assert merged(announced, change(announced=False, minutes=15.1)) is None
    assert merged(announced, change(announced=False, minutes=1, version="v3")) is None
    assert merged(announced, replace(change(announced=False, minutes=1), environment="staging")) is None
    assert merged(announced, change(announced=True, minutes=1)) is None
