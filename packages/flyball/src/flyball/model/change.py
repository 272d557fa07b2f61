"""Change: anything that alters behaviour. Today deploys and rollbacks; later flags, configs, rules."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime


class ChangeKind(enum.StrEnum):
    """What kind of change it was."""

    DEPLOY = "deploy"
    ROLLBACK = "rollback"


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
    `previous_version` is empty where none is known: then there is nothing to compare with.
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
