"""The compiled core's check and walk against protobuf's own parser: the same answers, whatever the bytes."""

from __future__ import annotations

import ctypes
import random
from collections.abc import Sequence

import pyarrow as pa
import pytest
from flyball.distill.redact import redact_attributes
from flyball.errors import InputError
from flyball.model.batch import Batch
from flyball.model.export import Export, Signal
from flyball.receivers import otlp_core, otlp_decode
from flyball.receivers.otlp_attributes import ATTRIBUTES_MAX
from flyball.receivers.otlp_decode import Decoder, check
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

CORE = otlp_core.core()
pytestmark = pytest.mark.skipif(CORE is None, reason="the compiled core is not built, or switched off")

UINT64 = st.integers(0, 2**64 - 1)
UINT32 = st.integers(0, 2**32 - 1)
TEXT = st.one_of(st.text(max_size=20), st.integers(0, 40_000).map(lambda n: "x" * n))
KEYS = st.one_of(st.sampled_from(["http.method", "db.password", "ö"]), st.text(max_size=6))
IDS = st.one_of(
    st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8), st.binary(max_size=20)
)
VALUES = st.recursive(
    st.one_of(
        TEXT.map(lambda text: AnyValue(string_value=text)),
        st.just(AnyValue()),
        st.integers(-(2**63), 2**63 - 1).map(lambda n: AnyValue(int_value=n)),
        st.floats().map(lambda n: AnyValue(double_value=n)),
        st.booleans().map(lambda n: AnyValue(bool_value=n)),
        st.binary(max_size=9).map(lambda some: AnyValue(bytes_value=some)),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda values: AnyValue(array_value=ArrayValue(values=values))),
        st.lists(st.builds(lambda k, v: KeyValue(key=k, value=v), KEYS, inner), max_size=3).map(
            lambda values: AnyValue(kvlist_value=KeyValueList(values=values))
        ),
    ),
    max_leaves=5,
)
ATTRIBUTES = st.builds(lambda key, value: KeyValue(key=key, value=value), KEYS, VALUES)
FIELDS = st.one_of(
    UINT64.map(lambda n: LogRecord(time_unix_nano=n)),
    UINT64.map(lambda n: LogRecord(observed_time_unix_nano=n)),
    UINT32.map(lambda n: LogRecord(flags=n)),
    st.integers(-(2**31), 2**31 - 1).map(
        lambda n: LogRecord(severity_number=n)  # pyright: ignore[reportArgumentType]
    ),
    UINT32.map(lambda n: LogRecord(dropped_attributes_count=n)),
    TEXT.map(lambda text: LogRecord(severity_text=text)),
    TEXT.map(lambda text: LogRecord(event_name=text)),
    IDS.map(lambda some: LogRecord(trace_id=some)),
    IDS.map(lambda some: LogRecord(span_id=some)),
    ATTRIBUTES.map(lambda attribute: LogRecord(attributes=[attribute])),
    VALUES.map(lambda value: LogRecord(body=value)),
).map(LogRecord.SerializeToString)
UNKNOWN = st.sampled_from(
    [
        b"",
        b"\xf8\x01\x05",  # field 31, a varint
        b"\x68\x05",  # field 13, a varint
        b"\x92\x01\x02ab",  # field 18, two bytes
        b"\x6b\x08\x01\x6c",  # field 13, a group
        b"\x0a\x02ab",  # field 1 as text, which is a number
        b"\x92\x80\x01\x00",  # a tag longer than it need be
        b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # severity -1
        b"\x38\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",  # a varint of more than 64 bits
        b"\x1a\x82\x80\x00ab",  # a length longer than it need be
    ]
)
RECORDS = st.builds(
    lambda fields, unknown: b"".join(fields) + unknown, st.lists(FIELDS, max_size=12), UNKNOWN
)
ORIGINS = st.sampled_from(["checkout", "payment"])


def field(number: int, content: bytes) -> bytes:
    """A field with its length in front."""
    size, length = len(content), bytearray()
    while size >= 0x80:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([number << 3 | 2]) + bytes(length) + bytes([size]) + content


def request(records: Sequence[bytes], service: str = "checkout", *, schema: str = "") -> bytes:
    """An export of these records, the head of the scope in front and its schema behind them."""
    resource = Resource(attributes=[KeyValue(key="service.name", value=AnyValue(string_value=service))])
    scope = field(1, InstrumentationScope(name="orders").SerializeToString())
    scope += b"".join(field(2, record) for record in records)
    scope += field(3, schema.encode())
    return field(1, field(1, resource.SerializeToString()) + field(2, scope))


def decoded(payloads: Sequence[bytes]) -> Batch:
    exports = [Export(signal=Signal.LOGS, payload=payload, received_ns=1) for payload in payloads]
    batch = Decoder(redact_attributes).decode(exports, received_ms=1)
    if batch.logs is not None:
        batch.logs.validate(full=True)
    return batch


def outcome(payloads: Sequence[bytes]) -> tuple[list[int], Batch]:
    """Records of each payload (-1: refused) and the batch of those that are accepted."""
    records: list[int] = []
    for payload in payloads:
        try:
            records.append(check(Signal.LOGS, payload))
        except InputError:
            records.append(-1)
    return records, decoded([p for p, number in zip(payloads, records, strict=True) if number >= 0])


def assert_same(payloads: Sequence[bytes]) -> tuple[list[int], Batch]:
    records, batch = outcome(payloads)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(otlp_core, "core", lambda: None)
        parsed_records, parsed = outcome(payloads)
    assert records == parsed_records
    assert batch.origins == parsed.origins
    assert batch.dropped == parsed.dropped
    if batch.logs is None or parsed.logs is None:
        assert batch.logs is parsed.logs
    else:
        assert batch.logs.schema == parsed.logs.schema
        assert batch.logs == parsed.logs
    return records, batch


def walked(payloads: Sequence[bytes]) -> int:
    """How many payloads the core walks before it leaves one to protobuf."""
    assert CORE is not None
    walk = otlp_core.LogWalk(
        CORE,
        lambda _, texts: texts,
        lambda raws: (pa.array([""] * len(raws), pa.string()), ["json"] * len(raws)),
    )
    return walk.walk(payloads).exports


@settings(max_examples=150, deadline=None)
@given(
    exports=st.lists(
        st.builds(request, st.lists(RECORDS, max_size=5), ORIGINS),
        max_size=4,
    )
)
def test_any_records_are_the_same_walked_and_parsed(exports: list[bytes]) -> None:
    assert_same(exports)


@settings(max_examples=250, deadline=None)
@given(
    records=st.lists(RECORDS, min_size=1, max_size=3),
    seed=st.integers(0, 2**32),
    changes=st.integers(1, 4),
)
def test_damaged_requests_are_refused_or_read_alike(records: list[bytes], seed: int, changes: int) -> None:
    assert_same([damaged(request(records), seed, changes), request(records)])


def damaged(payload: bytes, seed: int, changes: int) -> bytes:
    """The payload with bytes changed, taken out or put in."""
    chance = random.Random(seed)  # noqa: S311 - reproducible
    data = bytearray(payload)
    for _ in range(changes):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(4):
            case 0:
                del data[at:]
            case 1:
                del data[at : at + chance.randrange(1, 4)]
            case 2:
                data[at:at] = chance.choice(
                    [b"\xff", b"\0", b"\x80", b"\x0b", b"\xc3\x28", chance.randbytes(2)]
                )
            case _:
                data[at : at + 1] = chance.randbytes(1)
    return bytes(data)


@given(st.binary(max_size=60))
def test_noise_is_refused_or_read_alike(noise: bytes) -> None:
    assert_same([noise])


@pytest.mark.parametrize("signal", [Signal.LOGS, Signal.TRACES])
@given(data=st.data())
def test_trace_requests_are_checked_as_they_are_parsed(signal: Signal, data: st.DataObject) -> None:
    attributes = data.draw(st.lists(ATTRIBUTES, max_size=2))
    text = data.draw(st.text(max_size=9))
    span = Span(
        name=text,
        trace_state=text,
        attributes=attributes,
        flags=7,
        events=[Span.Event(name=text, attributes=attributes)],
        links=[Span.Link(trace_state=text, attributes=attributes)],
    )
    span.status.message = text
    payload = ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(scope_spans=[ScopeSpans(spans=[span, span], schema_url=text)], schema_url=text)
        ]
    ).SerializeToString()
    payload = damaged(payload, data.draw(st.integers(0, 2**32)), data.draw(st.integers(0, 2)))
    assert CORE is not None
    found = otlp_core.check(CORE, signal, payload)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(otlp_core, "core", lambda: None)
        try:
            assert found in {-1, check(signal, payload)}
        except InputError:
            assert found == -1


def test_what_exporters_write_is_left_to_nobody() -> None:
    record = LogRecord(
        time_unix_nano=1,
        severity_text="INFO",
        body=AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="a")])),
        attributes=[KeyValue(key="a", value=AnyValue(string_value="1"))] * 200,
    ).SerializeToString()
    payload = request([record + b"\x68\x05", record], schema="https://example.net/1")
    assert CORE is not None
    assert otlp_core.check(CORE, Signal.LOGS, payload) == 2
    assert walked([payload, payload]) == 2


@pytest.mark.parametrize("depth", [3, 11, 24, 40, 96, 97, 98, 99, 120])
def test_nesting_is_bounded_where_protobuf_bounds_it(depth: int) -> None:
    value = field(1, b"x")
    for _ in range(depth):
        value = field(5, field(1, value))
    assert_same([request([field(5, value)]), request([field(6, field(2, value))])])


@pytest.mark.parametrize("second", [AnyValue(), AnyValue(string_value="b"), AnyValue(int_value=7)])
def test_a_body_in_two_parts_is_merged(second: AnyValue) -> None:
    first = LogRecord(body=AnyValue(string_value="a")).SerializeToString()
    assert_same([request([first + LogRecord(body=second).SerializeToString()])])


def test_resources_and_scopes_in_parts_or_behind_their_records_are_found() -> None:
    record = field(2, LogRecord(body=AnyValue(string_value="a")).SerializeToString())
    name = Resource(attributes=[KeyValue(key="service.name", value=AnyValue(string_value="late"))])
    resource, scope = field(1, name.SerializeToString()), field(1, field(1, b"late"))
    late = field(1, field(2, record + scope + field(3, b"s")) + resource + field(3, b"r"))
    parts = field(1, resource + field(2, scope + record + scope + record) + resource)
    empty = field(1, b"") + field(1, field(2, b"") + field(2, record) + field(2, scope))
    _, batch = assert_same([late, parts, empty, late])
    assert batch.origins[0].scope == {"scope": {"name": "late"}, "schemaUrl": "s"}
    assert batch.records == 5


def test_requests_that_are_left_to_protobuf_keep_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp_decode, "_WALK_EXPORTS_MAX", 3)
    numbered = [LogRecord(body=AnyValue(int_value=n)).SerializeToString() for n in range(9)]
    group = b"\x6b\x6c"
    payloads = [request([record + group * (n in {2, 3, 8})]) for n, record in enumerate(numbered)]
    _, batch = assert_same(payloads)
    assert batch.logs is not None
    assert batch.logs["body"].to_pylist() == list("012345678")
    assert walked(payloads) == 2


def test_more_attributes_than_are_kept_are_counted() -> None:
    for extra in (0, 3):
        many = LogRecord(attributes=[KeyValue(key=f"k{n}") for n in range(ATTRIBUTES_MAX + extra)])
        _, batch = assert_same([request([many.SerializeToString()])])
        assert batch.dropped == ({"attributes over the limit": extra} if extra else {})


def test_attributes_over_the_bound_start_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp_core, "_KNOWN_BYTES_MAX", 300_000)
    decoder = Decoder(redact_attributes)
    for turn in range(30):
        keys = [f"k{turn}.{n}" for n in range(500)]
        records = [
            LogRecord(attributes=[KeyValue(key=key), KeyValue(key="all")]).SerializeToString() for key in keys
        ]
        export = Export(signal=Signal.LOGS, payload=request(records), received_ns=1)
        batch = decoder.decode([export, export], received_ms=1)
        assert batch.logs is not None
        assert batch.logs["attributes"].to_pylist() == [[(key, ""), ("all", "")] for key in keys] * 2


def test_what_does_not_parse_leaves_the_decoder_as_it_was() -> None:
    decoder = Decoder(redact_attributes)
    sound = Export(
        signal=Signal.LOGS,
        payload=request([LogRecord(attributes=[KeyValue(key="a")]).SerializeToString()]),
        received_ns=1,
    )
    broken = Export(signal=Signal.LOGS, payload=request([field(6, b"\xff")]), received_ns=1)
    for _ in range(2):
        with pytest.raises(Exception, match="parsing"):
            decoder.decode([sound, broken], received_ms=1)
        batch = decoder.decode([sound], received_ms=1)
        assert batch.logs is not None
        assert batch.logs["attributes"].to_pylist() == [[("a", "")]]


def test_the_core_numbers_types_as_python_does() -> None:
    assert CORE is not None
    names = (ctypes.c_char_p * len(otlp_core.TYPES)).in_dll(CORE, "flyball_type_names")
    assert tuple(name.decode() for name in names if name is not None) == otlp_core.TYPES


def test_a_field_of_every_kind_is_found_where_it_stands() -> None:
    record = LogRecord(
        time_unix_nano=2**63 + 1,
        observed_time_unix_nano=5,
        severity_number=17,  # pyright: ignore[reportArgumentType]
        severity_text="ERROR",
        body=AnyValue(string_value="ö" * 100),
        attributes=[KeyValue(key="a", value=AnyValue(string_value="1")), KeyValue(key="b")],
        trace_id=bytes(range(16)),
        span_id=bytes(range(8)),
        flags=1,
        dropped_attributes_count=2,
        event_name="order.placed",
    )
    payload = ExportLogsServiceRequest(
        resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=[record])])]
    ).SerializeToString()
    assert walked([payload]) == 1
    _, batch = assert_same([payload])
    assert batch.logs is not None
    assert {name: batch.logs[name][0].as_py() for name in batch.logs.column_names[1:]} == {
        "time_unix_nano": 2**63 + 1,
        "observed_time_unix_nano": 5,
        "severity_number": 17,
        "severity_text": "ERROR",
        "body": "ö" * 100,
        "body_type": "",
        "trace_id": bytes(range(16)),
        "span_id": bytes(range(8)),
        "flags": 1,
        "dropped_attributes_count": 2,
        "event_name": "order.placed",
        "attributes": [("a", "1"), ("b", "")],
        "attribute_types": [("b", "empty")],
    }
