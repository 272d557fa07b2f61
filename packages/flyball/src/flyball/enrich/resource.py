"""Resource -> source: service, environment and version of every record, and the time it counts at.

The version is `service.version`, else the image tag, else the pod-template hash (docs/concepts/changes.md).
A record whose clock is absurd keeps its own nanoseconds and is bucketed by its receive time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from flyball_sdk import semconv
from numpy.typing import NDArray

from flyball.model.batch import ORIGIN_INDEX, Batch, Origin, Source, whole
from flyball.model.change import VersionSource

LATE_SECONDS_MAX = 14 * 24 * 3600
"""Older records count at their receive time; per-minute counts are kept as long."""
EARLY_SECONDS_MAX = 600
"""A clock further ahead is wrong."""
_NAME_CHARS_MAX = 200
"""Longer service, environment and version names are cut: they key every count."""


def enrich(batch: Batch) -> Batch:
    """Add the sources, and to each table workspace, service, environment, version, origin, time, received."""
    sources = [source_of(origin) for origin in batch.origins]
    return replace(
        batch,
        sources=sources,
        logs=_enrich_logs(batch, sources),
        spans=_table(batch.spans, batch, sources, "start_time_unix_nano"),
        metrics=_table(batch.metrics, batch, sources, "time_unix_nano", drop="time_unix_nano"),
        origin_rows=_origin_rows(batch),
    )


def source_of(origin: Origin) -> Source:
    """Whose behaviour the origin's records are."""
    attributes = origin.attributes
    version, version_source = _version(attributes)
    environment = _text(attributes, semconv.DEPLOYMENT_ENVIRONMENT_NAME) or _text(
        attributes, semconv.DEPLOYMENT_ENVIRONMENT
    )
    return Source(
        workspace=origin.workspace,
        service=_text(attributes, semconv.SERVICE_NAME) or semconv.UNKNOWN_SERVICE,
        environment=environment,
        version=version,
        version_source=version_source,
    )


def _version(attributes: Mapping[str, Any]) -> tuple[str, VersionSource]:
    if version := _text(attributes, semconv.SERVICE_VERSION):
        return version, VersionSource.SERVICE_VERSION
    tag = _text(attributes, semconv.CONTAINER_IMAGE_TAG)
    tags = attributes.get(semconv.CONTAINER_IMAGE_TAGS)
    if not tag and isinstance(tags, Mapping):
        values = tags.get("arrayValue", {}).get("values", [])
        tag = next((v["stringValue"] for v in values if v.get("stringValue")), "")
    if tag:
        return tag[:_NAME_CHARS_MAX], VersionSource.IMAGE_TAG
    pod_hash = _text(attributes, semconv.K8S_POD_TEMPLATE_HASH)
    deployment = _text(attributes, semconv.K8S_DEPLOYMENT_NAME)
    replica_set = _text(attributes, semconv.K8S_REPLICASET_NAME)
    if not pod_hash and deployment and replica_set.startswith(f"{deployment}-"):
        pod_hash = replica_set.removeprefix(f"{deployment}-")
    if pod_hash:
        return pod_hash, VersionSource.POD_TEMPLATE_HASH
    return "", VersionSource.NONE


def _text(attributes: Mapping[str, Any], key: str) -> str:
    value = attributes.get(key, "")
    return value[:_NAME_CHARS_MAX] if isinstance(value, str) else ""


def _enrich_logs(batch: Batch, sources: Sequence[Source]) -> pa.Table | None:
    if batch.logs is None:
        return None
    own = batch.logs["time_unix_nano"].to_numpy()
    observed = batch.logs["observed_time_unix_nano"].to_numpy()
    return _table(batch.logs, batch, sources, np.where(own == 0, observed, own))


def _table(
    table: pa.Table | None,
    batch: Batch,
    sources: Sequence[Source],
    time: str | NDArray[np.uint64],
    *,
    drop: str | None = None,
) -> pa.Table | None:
    if table is None:
        return None
    index = whole(table[ORIGIN_INDEX])
    time_ns = table[time].to_numpy() if isinstance(time, str) else time
    columns: dict[str, Any] = {
        name: pa.DictionaryArray.from_arrays(
            index, pa.array([getattr(s, name) for s in sources], pa.string())
        )
        for name in ("workspace", "service", "environment", "version")
    }
    columns["origin"] = pa.array([o.id for o in batch.origins], pa.uint64()).take(index)
    columns["time"] = pa.array(_event_ms(time_ns, batch.received_ms), pa.timestamp("ms", "UTC"))
    columns["received"] = _constant(batch.received_ms, table.num_rows)
    kept = [name for name in table.column_names if name not in {ORIGIN_INDEX, drop}]
    return pa.table({**columns, **{name: table[name] for name in kept}})


def _event_ms(time_ns: NDArray[np.uint64], received_ms: int) -> NDArray[np.int64]:
    time_ms = (time_ns // 1_000_000).astype(np.int64)
    sane = (time_ms >= received_ms - LATE_SECONDS_MAX * 1000) & (
        time_ms <= received_ms + EARLY_SECONDS_MAX * 1000
    )
    return np.where(sane, time_ms, received_ms)


def _constant(received_ms: int, rows: int) -> pa.Array:
    return pa.array(np.full(rows, received_ms, np.int64), pa.timestamp("ms", "UTC"))


def _origin_rows(batch: Batch) -> pa.Table:
    hour = batch.received_ms // 3_600_000 * 3600
    rows = len(batch.origins)
    return pa.table(
        {
            "origin": pa.array([o.id for o in batch.origins], pa.uint64()),
            "hour": pa.array(np.full(rows, hour, np.int64), pa.timestamp("s", "UTC")),
            "received": _constant(batch.received_ms, rows),
            "resource": pa.array([orjson.dumps(o.resource).decode() for o in batch.origins], pa.string()),
            "scope": pa.array([orjson.dumps(o.scope).decode() for o in batch.origins], pa.string()),
        }
    )
