"""The memory graph: nodes and edges between what happened, why, and what was done about it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


class NodeKind(enum.StrEnum):
    """What a node stands for; beside each, what its id is."""

    INCIDENT = "incident"
    """The incident's id."""
    PATTERN = "pattern"
    """A fingerprint."""
    SERVICE = "service"
    """The name of a service."""
    OBJECT = "object"
    """What a cause is of, where that is no service: `node/worker-1`."""
    CHANGE = "change"
    """The id of a change."""
    CAUSE = "cause"
    """A value of `Cause`."""
    FIX = "fix"
    """`fix_` and a hash of what was done about which incident."""
    OUTCOME = "outcome"
    """`out_` and a hash of which fix was judged how, when."""


class Relation(enum.StrEnum):
    """What an edge says of its two ends."""

    IN = "in"
    """An incident showed in a service."""
    HAS_CAUSE = "has cause"
    """An incident was diagnosed with a cause."""
    BLAMES = "blames"
    """The cause of an incident is of this service or object."""
    SHOWS = "shows"
    """An incident's weightiest pattern."""
    SUSPECTS = "suspects"
    """An incident came after this change."""
    FIXES = "fixes"
    """A fix was made for an incident."""
    SHIPPED_AS = "shipped as"
    """A fix came with this change."""
    JUDGES = "judges"
    """An outcome was measured of a fix."""


Key = tuple[NodeKind, str]
"""Kind and id: the name of a node within its workspace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One thing that is remembered. `fact` is what is known of it, as JSON; `time` is when it happened."""

    workspace: str
    kind: NodeKind
    id: str
    time: datetime
    fact: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def key(self) -> Key:
        """Its name within the workspace."""
        return (self.kind, self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One node's relation to another. Edges are only ever added; what holds today stands in the nodes."""

    workspace: str
    source: Key
    relation: Relation
    target: Key
    time: datetime
