"""The memory of a workspace as one JSON document, and back: to move it, to back it up, to start from another's.

The document holds incidents, fixes and outcomes; the edges follow from them. Reading it in twice adds nothing, and
what is there already stays as it is. A document is hostile until it is read: sizes are bounded, ids of fixes and
outcomes are computed anew, and either all of it comes in or one error says what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

import orjson
from pydantic import AwareDatetime, ConfigDict, TypeAdapter, ValidationError, with_config

from flyball.component.ports import MemoryStore
from flyball.errors import InputError, TooLarge
from flyball.model.lesson import Fix, Occurrence
from flyball.model.memory import Edge, Node, NodeKind
from flyball.remember.facts import (
    Judgement,
    bounded,
    fix_graph,
    fix_made,
    fix_of,
    judged,
    judgement_of,
    name,
    occurrence_graph,
    occurrence_of,
    outcome_graph,
)

VERSION = 1
EXPORT_NODES_MAX = 50_000
"""Incidents, fixes and outcomes each of one document, the newest first."""
IMPORT_BYTES_MAX = 64_000_000
"""Bytes of a document that is read: about 1 kB for each node of a full one."""
_FORMAT = "flyball memory"


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The document. `complete` is false where there was more than `EXPORT_NODES_MAX`."""

    format: Literal["flyball memory"] = _FORMAT
    version: Literal[1] = VERSION
    complete: bool = True
    incidents: tuple[Occurrence, ...] = ()
    fixes: tuple[Fix, ...] = ()
    outcomes: tuple[Judgement, ...] = ()


_DOCUMENT = TypeAdapter(Memory)
_AWARE: TypeAdapter[datetime] = TypeAdapter(AwareDatetime)


async def export_memory(store: MemoryStore, workspace: str = "default") -> bytes:
    """The memory of a workspace as JSON."""

    async def newest(kind: NodeKind) -> Sequence[Node]:
        return await store.pointing_at(workspace, kind, [], limit=EXPORT_NODES_MAX + 1)

    found = [await newest(kind) for kind in (NodeKind.INCIDENT, NodeKind.FIX, NodeKind.OUTCOME)]
    incidents, fixes, outcomes = (nodes[:EXPORT_NODES_MAX] for nodes in found)
    held = {node.id for node in incidents}
    kept = [fix for fix in map(fix_of, fixes) if fix.incident_id in held]
    judged_fixes = {fix.id for fix in kept}
    memory = Memory(
        complete=all(len(nodes) <= EXPORT_NODES_MAX for nodes in found),
        incidents=tuple(map(occurrence_of, incidents)),
        fixes=tuple(kept),
        outcomes=tuple(one for one in map(judgement_of, outcomes) if one.fix_id in judged_fixes),
    )
    return orjson.dumps(memory, default=_plain, option=orjson.OPT_SORT_KEYS)


async def import_memory(store: MemoryStore, document: bytes, workspace: str = "default") -> int:
    """Read a document into a workspace; returns how many incidents, fixes and outcomes were new.

    Raises:
        TooLarge: it has more bytes or nodes than is read.
        InputError: it is no such document; nothing was written.
    """
    memory = _read(document)
    incidents = [bounded(replace(one, workspace=workspace)) for one in memory.incidents]
    known = {one.incident_id for one in incidents}
    fixes: dict[str, Fix] = {}
    for one in memory.fixes:
        incident_id = name(one.incident_id)
        if incident_id not in known and not await _there(store, workspace, NodeKind.INCIDENT, incident_id):
            raise InputError(f"the memory holds a fix of the incident {incident_id!r} and not the incident")
        fixes[one.id] = fix_made(
            workspace,
            incident_id,
            one.text,
            at=one.time,
            change_id=one.change_id,
            url=one.url,
            by=one.by,
        )
    outcomes: list[Judgement] = []
    for one in memory.outcomes:
        if one.fix_id not in fixes:
            raise InputError(f"the memory holds an outcome of the fix {name(one.fix_id)!r} and not the fix")
        outcomes.append(judged(fixes[one.fix_id].id, one.result, one.numbers, at=one.time))
    graphs = [
        *(occurrence_graph(one) for one in incidents),
        *(fix_graph(one) for one in fixes.values()),
        *(outcome_graph(workspace, one) for one in outcomes),
    ]
    return await _add(store, workspace, graphs)


def _read(document: bytes) -> Memory:
    if len(document) > IMPORT_BYTES_MAX:
        raise TooLarge(f"a memory has at most {IMPORT_BYTES_MAX} bytes, this has {len(document)}")
    try:
        memory = _DOCUMENT.validate_json(document)
        for one in (*memory.incidents, *memory.fixes, *memory.outcomes):
            _AWARE.validate_python(one.opened if isinstance(one, Occurrence) else one.time).astimezone(UTC)
    except OverflowError as error:
        raise InputError(
            "this is no memory of Flyball: it holds a time that lies outside the years 1 to 9999"
        ) from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise InputError(
            f"this is no memory of Flyball, version {VERSION}: {name(where)}: {name(first['msg'])}"
        ) from error
    longest = max(len(memory.incidents), len(memory.fixes), len(memory.outcomes))
    if longest > EXPORT_NODES_MAX:
        raise TooLarge(
            f"a memory has at most {EXPORT_NODES_MAX} incidents, fixes and outcomes each, this has {longest}"
        )
    return memory


async def _add(store: MemoryStore, workspace: str, graphs: Iterable[tuple[list[Node], list[Edge]]]) -> int:
    """Put what is not there yet, in one transaction."""
    nodes: dict[tuple[NodeKind, str], Node] = {}
    edges: list[Edge] = []
    for (node, *_), its_edges in graphs:
        if node.key not in nodes and not await _there(store, workspace, *node.key):
            nodes[node.key] = node
            edges += its_edges
    await store.put_memory(list(nodes.values()), edges)
    return len(nodes)


async def _there(store: MemoryStore, workspace: str, kind: NodeKind, node_id: str) -> bool:
    return await store.node(workspace, (kind, node_id)) is not None


def _plain(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(str(one) for one in value)
    raise TypeError
