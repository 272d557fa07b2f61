"""Attributes of records as Arrow map columns: each distinct one of a batch is decoded and redacted once.

They come as the bytes of their `KeyValue` (see otlp_wire); most repeat within a batch and from batch to batch.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from flyball.model.anyvalue import EMPTY
from flyball.model.pattern import WILDCARD
from flyball.receivers.otlp_json import to_json

ATTRIBUTES_MAX = 128
"""Attributes of one record; OpenTelemetry's SDKs stop at the same number."""
_MEMO_BYTES_MAX = 32 * 1024 * 1024
"""Decoded attributes remembered between batches; about 80,000 of 40 bytes."""
_MEMO_EACH_BYTES_MAX = 256
"""A longer attribute (a statement, a stack trace) seldom comes again."""
_MEMO_OVERHEAD_BYTES = 320
"""Of a dict entry: a bytes object, a tuple, two strings, a slot."""

Redact = Callable[[pa.Array, pa.Array], pa.Array]
"""(keys, texts) -> texts without secrets; attributes are redacted here because each distinct one is in hand."""


class Memo:
    """Attributes met before: their bytes -> key, redacted text, type. Full, it starts anew."""

    def __init__(self) -> None:
        self.known: dict[bytes, tuple[str, str, str]] = {}
        self._size_bytes = 0

    def add(self, fresh: Mapping[bytes, tuple[str, str, str]]) -> None:
        """Remember what was decoded, up to the bound on bytes."""
        for raw, decoded in fresh.items():
            if len(raw) > _MEMO_EACH_BYTES_MAX:
                continue
            self._size_bytes += 2 * len(raw) + _MEMO_OVERHEAD_BYTES
            if self._size_bytes > _MEMO_BYTES_MAX:
                self.known, self._size_bytes = {}, 2 * len(raw) + _MEMO_OVERHEAD_BYTES
            self.known[raw] = decoded


class Attributes:
    """The map columns `attributes` and `attribute_types`: rows are added as bytes, each distinct one decoded once."""

    def __init__(self, memo: Memo, redact: Redact) -> None:
        self._memo = memo
        self._redact = redact
        self._raw: list[bytes] = []
        self._raw_counts: list[int] = []
        self._chunks: list[pa.Array] = []
        self._counts: list[npt.NDArray[np.int64]] = []
        self.dropped = 0

    def add(self, attributes: Any) -> None:
        """The attributes of the next row. A slice is a list in one step: iterating took half as long again."""
        kept = attributes[:ATTRIBUTES_MAX]
        self._raw += kept
        if len(kept) == ATTRIBUTES_MAX:
            self.dropped += len(attributes) - ATTRIBUTES_MAX
        self._raw_counts.append(len(kept))

    def finish_chunk(self) -> None:
        """Give the objects of the rows added so far back; Arrow holds the bytes."""
        self.add_chunk(pa.array(self._raw, pa.binary()), np.array(self._raw_counts, np.int64))
        self._raw, self._raw_counts = [], []

    def add_chunk(self, attributes: pa.Array, counts: npt.NDArray[np.int64]) -> None:
        """The attributes of the next rows: of the first one `counts[0]`, at most ATTRIBUTES_MAX, and so on."""
        self._chunks.append(attributes)
        self._counts.append(counts)

    def columns(self) -> dict[str, pa.Array]:
        """Both columns, of all rows.

        Distinct attributes are looked for in the whole batch and not in a chunk of it: in 60,000 records of five
        attributes there was half a distinct one a record, in chunks of 8,192 one and a half.
        """
        encoded = pa.concat_arrays(self._chunks).dictionary_encode()
        keys, texts, types = self._decoded(encoded.dictionary.to_pylist())
        key_array, text_array = pa.array(keys, pa.string()), pa.array(texts, pa.string())
        index, ends = encoded.indices, np.concatenate(([0], np.cumsum(np.concatenate(self._counts))))
        typed = pc.take(pa.array([bool(t) for t in types], pa.bool_()), index)
        type_ends = np.concatenate(([0], np.cumsum(typed.to_numpy(zero_copy_only=False))))[ends]
        type_index = index.filter(typed)
        type_array = pa.array(types, pa.string())
        return {
            "attributes": pa.MapArray.from_arrays(
                pa.array(ends, pa.int32()), key_array.take(index), text_array.take(index)
            ),
            "attribute_types": pa.MapArray.from_arrays(
                pa.array(type_ends, pa.int32()), key_array.take(type_index), type_array.take(type_index)
            ),
        }

    def _decoded(self, distinct: Sequence[bytes]) -> tuple[Sequence[str], Sequence[str], Sequence[str]]:
        """Key, redacted text and type of each attribute; only those that the memo does not know are decoded."""
        known = self._memo.known
        missing = [raw for raw in distinct if raw not in known]
        fresh: dict[bytes, tuple[str, str, str]] = {}
        if missing:
            keys, texts, types = decode_attributes(missing)
            json = [position for position, type_ in enumerate(types) if type_ == "json"]
            clean = redacted(self._redact, pa.array(keys, pa.string()), pa.array(texts, pa.string()), json)
            fresh = dict(zip(missing, zip(keys, clean.to_pylist(), types, strict=True), strict=True))
        triples = [known.get(raw) or fresh[raw] for raw in distinct]
        self._memo.add(fresh)
        keys, texts, types = zip(*triples, strict=True) if triples else ((), (), ())
        return keys, texts, types


def decode_attributes(raws: Sequence[bytes]) -> tuple[list[str], list[str], list[str]]:
    """Keys, texts and types of serialised KeyValues."""
    keys: list[str] = []
    texts: list[str] = []
    types: list[str] = []
    for raw in raws:
        attribute = KeyValue.FromString(raw)
        text, type_ = any_value(attribute.value)
        keys.append(attribute.key)
        texts.append(text)
        types.append(type_)
    return keys, texts, types


def redacted(redact: Redact, keys: pa.Array, texts: pa.Array, json: Sequence[int]) -> pa.Array:
    """The texts without secrets; an array or map (those at `json`) that redaction cut into is `<*>` whole."""
    texts = redact(keys, texts)
    broken = [position for position in json if not _is_json(texts[position].as_py())]
    if not broken:
        return texts
    mask = np.zeros(len(texts), bool)
    mask[broken] = True
    whole = orjson.dumps({"stringValue": WILDCARD}).decode()
    return pc.replace_with_mask(texts, mask, pa.array([whole] * len(broken), pa.string()))


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def any_value(value: Any) -> tuple[str, str]:
    """An AnyValue as text and type; see flyball.model.anyvalue."""
    match value.WhichOneof("value"):
        case "string_value":
            result = value.string_value, ""
        case "int_value":
            result = str(value.int_value), "int"
        case "double_value":
            result = repr(value.double_value), "double"
        case "bool_value":
            result = ("true" if value.bool_value else "false"), "bool"
        case "bytes_value":
            result = base64.b64encode(value.bytes_value).decode(), "bytes"
        case None:
            result = "", EMPTY
        case _:
            result = orjson.dumps(to_json(value)).decode(), "json"
    return result
