"""The distil stage of the pipeline: redacted texts, shape ids and severities for a batch's logs and spans."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from flyball_sdk import semconv

from flyball.distill.redact import redact
from flyball.distill.shapes import Distiller
from flyball.model.batch import Batch, whole
from flyball.model.pattern import WILDCARD
from flyball.model.severity import Severity

_STATUS_ERROR = 2  # opentelemetry.proto.trace.v1.Status.STATUS_CODE_ERROR


@dataclass(frozen=True, kw_only=True)
class Distil:
    """`process` adds `shape` and `severity` to logs and spans and redacts bodies, span names and messages."""

    distiller: Distiller

    def process(self, batch: Batch) -> Batch:
        """Distil one batch."""
        return replace(batch, logs=self._logs(batch.logs), spans=self._spans(batch.spans))

    def _logs(self, logs: Any) -> Any:
        if logs is None:
            return None
        bodies = whole(logs["body"])
        types = whole(logs["body_type"])
        maps = pc.any(pc.equal(types, "json")).as_py()
        texts = _plain_texts(bodies, types) if maps else bodies
        attributes = whole(logs["attributes"])
        exceptions = None
        if pc.any(pc.equal(attributes.keys, semconv.EXCEPTION_TYPE)).as_py():
            exceptions = pc.map_lookup(attributes, pa.scalar(semconv.EXCEPTION_TYPE), "first")
        distilled = self.distiller.distill(
            texts,
            logs["severity_number"].to_numpy(),
            whole(logs["severity_text"]),
            exceptions,
        )
        stored = _redact_maps(bodies, types) if maps else distilled.texts
        logs = logs.set_column(logs.column_names.index("body"), "body", stored)
        return logs.append_column("shape", pa.array(distilled.shapes, pa.uint64())).append_column(
            "severity", pa.array(distilled.severity, pa.uint8())
        )

    def _spans(self, spans: Any) -> Any:
        if spans is None:
            return None
        names, _ = redact(whole(spans["name"]))
        messages, _ = redact(whole(spans["status_message"]))
        events, _ = redact(whole(spans["events"]))
        errors = spans["status_code"].to_numpy() == _STATUS_ERROR
        severity = np.where(errors, int(Severity.ERROR), int(Severity.UNSPECIFIED)).astype(np.uint8)
        for column, values in (("name", names), ("status_message", messages), ("events", _whole(events))):
            spans = spans.set_column(spans.column_names.index(column), column, values)
        return spans.append_column("shape", pa.array(self.distiller.names(names), pa.uint64())).append_column(
            "severity", pa.array(severity)
        )


def _plain_texts(bodies: pa.Array, types: pa.Array) -> pa.Array:
    """What to distil: the body; of a map or array body its ordinary JSON."""
    pairs = zip(bodies.to_pylist(), types.to_pylist(), strict=True)
    return pa.array([_plain_json(text) if type_ == "json" else text for text, type_ in pairs], pa.string())


def _plain_json(text: str) -> str:
    """An AnyValue in OTLP/JSON as ordinary JSON."""
    return orjson.dumps(_plain(orjson.loads(text))).decode()


def _plain(value: dict[str, Any]) -> Any:
    if "kvlistValue" in value:
        return {
            kv.get("key", ""): _plain(kv.get("value", {})) for kv in value["kvlistValue"].get("values", [])
        }
    if "arrayValue" in value:
        return [_plain(item) for item in value["arrayValue"].get("values", [])]
    return next(iter(value.values()), None)


def _redact_maps(bodies: pa.Array, types: pa.Array) -> pa.Array:
    """The redacted bodies; a map that redaction cut into becomes `<*>` whole."""
    redacted, _ = redact(bodies)
    whole = [
        text if type_ != "json" or _loads(text) else orjson.dumps({"stringValue": WILDCARD}).decode()
        for text, type_ in zip(redacted.to_pylist(), types.to_pylist(), strict=True)
    ]
    return pa.array(whole, pa.string())


def _whole(texts: pa.Array) -> pa.Array:
    """JSON documents (or nothing); one that redaction cut into becomes nothing."""
    if pc.all(pc.equal(pc.binary_length(texts), 0)).as_py():
        return texts
    return pa.array([text if not text or _loads(text) else "" for text in texts.to_pylist()], pa.string())


def _loads(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True
