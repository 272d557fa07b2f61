"""OpenSRE's synthetic scenarios: Kubernetes objects, events and logs, and what a managed PostgreSQL shows.

A folder a case. `answer.yml` and `scenario.yml` (which names the failure) are never opened, and of `alert.json`, whose
annotations suspect the failure, nothing is taken.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flyball.model.signal import Signal, Surface

from bench.rca import kubectl
from bench.rca.archive import folders
from bench.rca.case import Case
from bench.rca.text import Line, Texts, quiet

DATASET = "opensre"
NEVER = ("answer.yml", "scenario.yml", "alert.json", "QA_VALIDATION.md")
_EARLY = datetime(2000, 1, 1, tzinfo=UTC)


def load(folder: Path) -> Iterator[Case]:
    """The cases of every `opensre*.tar.xz`."""
    for archive in sorted(folder.glob("opensre*.tar.xz")):
        for name, files in folders(archive, never=NEVER):
            yield _case(
                name, {file: json.loads(data) for file, data in files.items() if file.endswith(".json")}
            )


def _case(name: str, files: dict[str, Any]) -> Case:
    signals: list[Signal] = []
    lines: list[Line] = []
    for file, held in files.items():
        stem = file.removesuffix(".json")
        for begins, reader in _READERS.items():
            if stem.startswith(begins):
                signals += reader(held, stem)
        lines += _lines(held, stem)
    texts = Texts()
    signals += texts.signals(texts.learn(lines))
    signals += kubectl.owners(signals)
    return Case(dataset=DATASET, id=name, signals=tuple(signals))


def _at(text: object) -> datetime:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return _EARLY


def _state(entity: str, key: str, value: object, ref: str, at: datetime = _EARLY) -> Signal:
    held = (
        float(value) if isinstance(value, int | float) and not isinstance(value, bool) else quiet(str(value))
    )
    return Signal(surface=Surface.STATE, time=at, entity=entity, key=key, value=held, raw_ref=ref)


def _deployments(held: Any, ref: str) -> Iterator[Signal]:
    for one in held.get("deployments", ()):
        it = f"service/{one['name']}"
        yield _state(it, "spec.replicas", one["desired"], ref)
        yield _state(it, "status.readyReplicas", one["ready"], ref)


def _pods(held: Any, ref: str) -> Iterator[Signal]:
    for one in held.get("pods", ()):
        it = f"pod/{one['name']}"
        yield _state(it, "status.phase", one["phase"], ref)
        yield _state(it, "spec.nodeName", one.get("node_name", ""), ref)
        containers = one.get("containers", ())
        yield _state(it, "status.restartCount", sum(c.get("restart_count", 0) for c in containers), ref)
        yield _state(it, "spec.replicas", len(containers), ref)
        yield _state(it, "status.readyReplicas", sum(bool(c.get("ready")) for c in containers), ref)
        for container in containers:
            state = container.get("state", {})
            begins = f"container.{container['name']}"
            if state.get("reason"):
                yield _state(it, f"{begins}.state.reason", state["reason"], ref)
            if state.get("message"):
                yield _state(it, f"{begins}.state.message", state["message"], ref)


_PRESSURES = {
    "memory_pressure": "MemoryPressure",
    "disk_pressure": "DiskPressure",
    "pid_pressure": "PIDPressure",
}


def _nodes(held: Any, ref: str) -> Iterator[Signal]:
    for one in held.get("nodes", ()):
        it = f"node/{one['name']}"
        yield _state(it, "condition.Ready", one.get("ready", ""), ref)
        for key, condition in _PRESSURES.items():
            yield _state(it, f"condition.{condition}", one.get(key, ""), ref)


def _events(held: Any, ref: str) -> Iterator[Signal]:
    for one in held.get("warning_events", ()):
        kind, _, name = str(one["involved_object"]).partition("/")
        yield Signal(
            surface=Surface.EVENT,
            time=_at(one.get("last_time")),
            entity=kubectl.entity(kind, name),
            operation=str(one.get("type", "Warning")),
            key=str(one["reason"]),
            value=quiet(str(one["message"])),
            count=int(one.get("count", 1)),
            raw_ref=ref,
        )


def _database_events(held: Any, ref: str) -> Iterator[Signal]:
    for one in held.get("events", ()):
        yield Signal(
            surface=Surface.EVENT,
            time=_at(one.get("date")),
            entity=f"database/{one.get('source_identifier', '')}",
            operation="Normal",
            key=",".join(one.get("event_categories", ())) or "event",
            value=quiet(str(one["message"])),
            raw_ref=ref,
        )


def _metrics(held: Any, ref: str) -> Iterator[Signal]:
    results = held.get("metric_data_results") or ([held] if "values" in held else [])
    for one in results:
        owner = next((d["Value"] for d in one.get("dimensions", ()) if "Identifier" in d["Name"]), "")
        for at, value in zip(one.get("timestamps", ()), one.get("values", ()), strict=False):
            yield Signal(
                surface=Surface.METRIC,
                time=_at(at),
                entity=f"database/{owner}",
                key=str(one.get("metric_name", "")),
                value=float(value),
                raw_ref=ref,
            )


def _insights(held: Any, ref: str) -> Iterator[Signal]:
    it, at = f"database/{held.get('db_instance_identifier', '')}", _at(held.get("end_time"))
    queries, waits = held.get("top_sql", ()), held.get("top_wait_events", ())
    if queries:
        yield _state(it, "top_query", max(queries, key=lambda q: q["db_load_avg"])["statement"], ref, at)
    if waits:
        yield _state(it, "top_wait", max(waits, key=lambda w: w["db_load_avg"])["name"], ref, at)


def _lines(held: Any, ref: str) -> Iterator[Line]:
    """Log records, of one pod as text or of many services one by one."""
    logs = held.get("logs") if isinstance(held, dict) else None
    if isinstance(logs, str):
        for text in logs.splitlines():
            at = _at(text.split(" ")[0])
            yield Line(time=at, entity=f"pod/{held['pod_name']}", text=text, raw_ref=ref)
    for one in logs if isinstance(logs, list) else ():
        severity = {"error": 17, "warn": 13, "warning": 13, "critical": 21}.get(str(one.get("status")), 9)
        workload = next(
            (t.partition(":")[2] for t in one.get("tags", ()) if t.startswith("kube_deployment:")), ""
        )
        yield Line(
            time=_at(one.get("timestamp")),
            entity=f"service/{workload or one.get('service', '')}",
            text=str(one["message"]),
            severity=severity,
            raw_ref=ref,
        )


_READERS = {
    "eks_deployments": _deployments,
    "eks_pods": _pods,
    "eks_node_health": _nodes,
    "eks_events": _events,
    "aws_rds_events": _database_events,
    "aws_cloudwatch_metrics": _metrics,
    "aws_performance_insights": _insights,
}
