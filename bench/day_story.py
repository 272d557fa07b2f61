"""What happens in the day that `bench.day` tells: its failures, and the deploys that break and repair."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from flyball.model.change import Change, ChangeKind, VersionSource
from flyball.model.sighting import VersionState

from bench import day_traffic as traffic

_LASTS_S = 1_200
_BETWEEN_S = 5
"""From a deploy to the first error that it makes."""
_NAMED = (
    ("pool exhausted", frozenset({"checkout", "storefront"})),
    ("disk full", frozenset({"inventory"})),
    ("certificate expired", frozenset({"mail"})),
)
FAILURES_MAX = len(_NAMED)
_SAID = {
    "pool exhausted": traffic.pool_exhausted,
    "disk full": traffic.disk_full,
    "certificate expired": traffic.certificate_expired,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What is wrong from `begin_s` to `end_s` of the day, and who shows it."""

    name: str
    services: frozenset[str]
    begin_s: float
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """So many hours and lines, with so many of the failures."""

    hours: float
    lines: int
    failures: tuple[Failure, ...]


def day(hours: float, lines: int, failures: int) -> Day:
    """The first so many failures, spread over the hours."""
    whole = hours * 3600
    begins = [whole * (number + 0.6) / failures // 60 * 60 + 17 for number in range(failures)]
    lasts = min(_LASTS_S, whole / max(failures, 1) / 4)
    return Day(
        hours=hours,
        lines=lines,
        failures=tuple(
            Failure(name=name, services=services, begin_s=begin, end_s=begin + lasts)
            for (name, services), begin in zip(_NAMED[:failures], begins, strict=True)
        ),
    )


def story(told: Day) -> list[traffic.Says]:
    """What everybody says that day."""
    said = traffic.scaled(traffic.healthy(), told.lines / (told.hours * 3600))
    said = traffic.deployed(said, "checkout", [moment for moment, _, _ in deploys(told)])
    for failure in told.failures:
        said += traffic.between(_SAID[failure.name](), failure.begin_s, failure.end_s)
    return said


def deploys(told: Day) -> list[tuple[float, str, str]]:
    """Second, version and version before: one that breaks checkout and one that repairs it."""
    broken = [failure for failure in told.failures if failure.name == "pool exhausted"]
    moments = [moment for one in broken for moment in (one.begin_s - _BETWEEN_S, one.end_s)]
    return [(moment, f"v{number}", f"v{number - 1}") for number, moment in enumerate(moments, 2)]


def deploy(version: str, previous: str, at_s: float) -> tuple[Change, VersionState]:
    """A deploy of checkout, announced and seen."""
    change = Change(
        id=f"chg_{version}",
        workspace=traffic.WORKSPACE,
        service="checkout",
        environment=traffic.ENVIRONMENT,
        version=version,
        previous_version=previous,
        kind=ChangeKind.DEPLOY,
        time=datetime.fromtimestamp(at_s, UTC),
        announced=True,
        seen=None,
    )
    seen = VersionState(
        workspace=traffic.WORKSPACE,
        service="checkout",
        environment=traffic.ENVIRONMENT,
        version=version,
        version_source=VersionSource.SERVICE_VERSION,
        first_seen_ns=int(at_s * 1e9),
        last_seen_ns=int(at_s * 1e9),
        current=True,
    )
    return change, seen
