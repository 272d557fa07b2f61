"""Change: anything that alters behaviour: deploys and rollbacks, configuration, flags, migrations; later rules."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime


class ChangeKind(enum.StrEnum):
    """What kind of change it was."""

    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    CONFIG = "config"
    FLAG = "flag"
    MIGRATION = "migration"
    GUARD = "guard"
    """Rules, policies and switches of the guard at the tool call."""

    @property
    def of_code(self) -> bool:
        """Whether another version runs from then on: telemetry shows it, and it is known by its version."""
        return self in {ChangeKind.DEPLOY, ChangeKind.ROLLBACK}


class AuthorKind(enum.StrEnum):
    """Who wrote a change, as far as its commit message and author tell (flyball.enrich.authors)."""

    HUMAN = "human"
    AGENT = "agent"
    UNKNOWN = "unknown"


class VersionSource(enum.StrEnum):
    """Where the version was read, from the best to the poorest."""

    SERVICE_VERSION = "service.version"
    IMAGE_TAG = "container.image.tag"
    POD_TEMPLATE_HASH = "pod-template-hash"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of one service in one environment.

    `time` is when it happened (UTC): as announced, or else when its version was first seen in telemetry.
    `announced` tells that a person or pipeline recorded it, `seen` when telemetry first showed it.
    `previous_version` is empty where none is known: then there is nothing to compare with. `what` tells in words
    what a change without a version alters (`pool_size 20 -> 5`); `message` is that of the commit, without secrets.
    """

    id: str
    workspace: str
    service: str
    environment: str
    version: str
    previous_version: str
    kind: ChangeKind
    time: datetime
    announced: bool
    seen: datetime | None
    version_source: VersionSource = VersionSource.SERVICE_VERSION
    commit: str = ""
    url: str = ""
    what: str = ""
    author: str = ""
    author_kind: AuthorKind = AuthorKind.UNKNOWN
    message: str = ""

    @property
    def subject(self) -> str:
        """What it changed to: a version, or in words what else it altered."""
        return self.version if self.kind.of_code else self.what or self.version
