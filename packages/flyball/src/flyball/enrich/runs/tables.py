"""Steps -> rows of `agent_steps`, and what each run came to in this batch -> rows of `agent_runs`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa

from flyball.enrich.runs.spans import Noted
from flyball.model.run import Decided, StepKind

_TEXTS = (
    *(
        "kind",
        "name",
        "service",
        "environment",
        "version",
        "agent",
        "conversation",
        "user",
        "error",
        "message",
    ),
    *("provider", "model", "answered_by", "finish", "tool", "tool_call_id", "digest", "arguments", "result"),
    *("said", "config", "commit", "branch"),
)
_TOKENS = ("input", "output", "cache_read", "cache_write", "reasoning")
STEPS = pa.schema(
    [
        ("workspace", pa.string()),
        ("run_id", pa.binary(16)),
        ("span_id", pa.binary(8)),
        ("parent_id", pa.binary(8)),
        ("received", pa.timestamp("ms", "UTC")),
        ("part", pa.bool_()),
        *((name, pa.string()) for name in _TEXTS),
        ("begin_ns", pa.uint64()),
        ("end_ns", pa.uint64()),
        *((name, pa.uint64()) for name in _TOKENS),
        ("cost_nusd", pa.uint64()),
        ("first_chunk_ms", pa.float64()),
        ("dirty", pa.bool_()),
        ("decided", pa.string()),
    ]
)
_KEY = ("workspace", "run_id", "service", "environment", "version", "agent", "user", "model")
_SUMS = ("steps", "model_calls", "tool_calls", "errors")
RUNS = pa.schema(
    [
        *((name, pa.binary(16) if name == "run_id" else pa.string()) for name in _KEY),
        *((name, pa.string()) for name in ("conversation", "name", "config")),
        ("time", pa.timestamp("ms", "UTC")),
        ("received", pa.timestamp("ms", "UTC")),
        ("begin_ns", pa.uint64()),
        ("end_ns", pa.uint64()),
        *((name, pa.uint32()) for name in (*_SUMS, "priced", "told")),
        *((name, pa.uint64()) for name in ("input", "output", "cost_nusd", "told_nusd")),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A step with its workspace, its price, and the time that it counts at."""

    workspace: str
    noted: Noted
    cost_nusd: int | None
    time_ms: int


def steps_table(rows: Sequence[Row], received_ms: int) -> pa.Table:
    """A row for each step and part."""
    columns: dict[str, list[Any]] = {name: [] for name in STEPS.names}
    for row in rows:
        step = row.noted.step
        columns["workspace"].append(row.workspace)
        columns["run_id"].append(bytes.fromhex(step.run_id))
        columns["span_id"].append(_id(step.span_id))
        columns["parent_id"].append(_id(step.parent_id))
        columns["received"].append(received_ms)
        columns["part"].append(row.noted.part)
        for name in _TEXTS:
            columns[name].append(str(getattr(step, name)))
        columns["begin_ns"].append(step.begin_ns)
        columns["end_ns"].append(step.end_ns)
        for name in _TOKENS:
            columns[name].append(getattr(step.usage, name))
        columns["cost_nusd"].append(row.cost_nusd)
        columns["first_chunk_ms"].append(step.first_chunk_ms)
        columns["dirty"].append(step.dirty)
        columns["decided"].append(_decided(step.decided))
    return pa.table(columns, schema=STEPS)


def runs_table(rows: Sequence[Row], received_ms: int) -> pa.Table:
    """A row for each run, source, agent, user and model."""
    sums: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        step = row.noted.step
        key = (row.workspace, *(getattr(step, name) for name in _KEY[1:]))
        into = sums.setdefault(key, _nothing(row, received_ms))
        into["time"] = min(into["time"], row.time_ms)
        into["begin_ns"] = min(into["begin_ns"], step.begin_ns)
        into["end_ns"] = max(into["end_ns"], step.end_ns)
        for name in ("conversation", "config"):
            into[name] = max(into[name], getattr(step, name))
        if not step.parent_id and not row.noted.part:
            into["name"] = step.name
        _add(into, row)
    columns: dict[str, list[Any]] = {name: [] for name in RUNS.names}
    for key, one in sums.items():
        for name, value in zip(_KEY, key, strict=True):
            columns[name].append(bytes.fromhex(value) if name == "run_id" else value)
        for name, value in one.items():
            columns[name].append(value)
    return pa.table(columns, schema=RUNS)


def _nothing(row: Row, received_ms: int) -> dict[str, Any]:
    step = row.noted.step
    zeros = dict.fromkeys((*_SUMS, "priced", "told", "input", "output", "cost_nusd", "told_nusd"), 0)
    return {
        **zeros,
        **dict.fromkeys(("conversation", "name", "config"), ""),
        "time": row.time_ms,
        "received": received_ms,
        "begin_ns": step.begin_ns,
        "end_ns": step.end_ns,
    }


def _add(into: dict[str, Any], row: Row) -> None:
    """What a step counts for. A part counts for its cost alone, and for the error that only it tells."""
    step = row.noted.step
    if row.noted.part:
        if row.noted.told and row.cost_nusd is not None:
            into["told"] += 1
            into["told_nusd"] += row.cost_nusd
        into["errors"] += bool(step.error)
        return
    into["steps"] += 1
    into["errors"] += bool(step.error)
    into["tool_calls"] += step.kind is StepKind.TOOL
    if step.kind is StepKind.MODEL:
        into["model_calls"] += 1
        into["input"] += step.usage.input or 0
        into["output"] += step.usage.output or 0
        if row.cost_nusd is not None:
            into["priced"] += 1
            into["cost_nusd"] += row.cost_nusd


def _id(digits: str) -> bytes:
    return bytes.fromhex(digits) if digits else bytes(8)


def _decided(decided: Sequence[Decided]) -> str:
    if not decided:
        return ""
    return orjson.dumps(
        [{"id": d.decision_id, "action": d.action, "would": d.would, "rules": list(d.rules)} for d in decided]
    ).decode()
