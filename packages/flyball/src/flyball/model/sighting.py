"""What telemetry has shown of one version of one service."""

from __future__ import annotations

from dataclasses import dataclass

from flyball.model.change import VersionSource


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionState:
    """One version in one environment: when it was first and last received, and whether it is the current one.

    Times are receive times in nanoseconds since 1970 UTC.
    """

    workspace: str
    service: str
    environment: str
    version: str
    version_source: VersionSource
    first_seen_ns: int
    last_seen_ns: int
    current: bool
