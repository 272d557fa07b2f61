"""Walking log records all at once gives what parsing them one by one gives, or nothing."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pytest
from flyball.distill.redact import redact_attributes
from flyball.model.export import Export, Signal
from flyball.receivers import otlp_decode
from flyball.receivers.otlp_attributes import ATTRIBUTES_MAX
from flyball.receivers.otlp_decode import Decoder
from flyball.receivers.otlp_walk import walk
from flyball.receivers.otlp_wire import LOG_RECORD, REQUESTS
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

UINT64 = st.integers(0, 2**64 - 1)
UINT32 = st.integers(0, 2**32 - 1)
TEXT = st.one_of(st.text(max_size=20), st.integers(0, 40_000).map(lambda n: "x" * n))
IDS = st.one_of(
    st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8), st.binary(max_size=20)
)
STRINGS = TEXT.map(lambda text: AnyValue(string_value=text))
USUAL = st.one_of(
    UINT64.map(lambda n: LogRecord(time_unix_nano=n)),
    UINT64.map(lambda n: LogRecord(observed_time_unix_nano=n)),
    UINT32.map(lambda n: LogRecord(flags=n)),
    st.integers(0, 127).map(lambda n: LogRecord(severity_number=n)),  # pyright: ignore[reportArgumentType]
    st.integers(0, 127).map(lambda n: LogRecord(dropped_attributes_count=n)),
    TEXT.map(lambda text: LogRecord(severity_text=text)),
    TEXT.map(lambda text: LogRecord(event_name=text)),
    IDS.map(lambda some: LogRecord(trace_id=some)),
    IDS.map(lambda some: LogRecord(span_id=some)),
    STRINGS.map(lambda value: LogRecord(attributes=[KeyValue(key="k", value=value)])),
)
UNUSUAL = st.one_of(
    USUAL,
    st.one_of(
        STRINGS,
        st.just(AnyValue()),
        st.integers(-9, 9).map(lambda n: AnyValue(int_value=n)),
        st.just(AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="a")]))),
    ).map(lambda value: LogRecord(body=value)),
    st.integers(-(2**31), 2**31 - 1).map(
        lambda n: LogRecord(severity_number=n)  # pyright: ignore[reportArgumentType]
    ),
    UINT32.map(lambda n: LogRecord(dropped_attributes_count=n)),
)
UNKNOWN = st.sampled_from([b"", b"\xf8\x01\x05", b"\x68\x05"])
"""Fields 31 and 13, which logs.proto does not have."""


def joined(fields: Sequence[LogRecord], unknown: bytes = b"") -> bytes:
    """One record of the fields in that order: to protobuf, messages one behind the other are one message."""
    return b"".join(field.SerializeToString() for field in fields) + unknown


def rows(records: Sequence[bytes]) -> pa.Table:
    request = REQUESTS[Signal.LOGS]()
    request.resource_logs.add().scope_logs.add().log_records.extend(records)
    export = Export(signal=Signal.LOGS, payload=request.SerializeToString(), received_ns=1)
    table = Decoder(redact_attributes).decode([export], received_ms=1).logs
    assert table is not None
    table.validate(full=True)
    return table


def parsed(records: Sequence[bytes]) -> pa.Table:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(otlp_decode, "walk", lambda _: None)
        return rows(records)


@settings(max_examples=300)
@given(
    records=st.lists(st.builds(joined, st.lists(UNUSUAL, max_size=12), UNKNOWN), min_size=1, max_size=6),
)
def test_any_records_are_the_same_walked_and_parsed(records: list[bytes]) -> None:
    assert rows(records) == parsed(records)


@given(
    records=st.lists(
        st.builds(
            lambda fields, body: joined([*fields, LogRecord(body=body)]),
            st.lists(USUAL, max_size=12),
            STRINGS,
        ),
        min_size=1,
        max_size=6,
    )
)
def test_what_exporters_write_is_walked(records: list[bytes]) -> None:
    assert walk(pa.array(records, pa.binary())) is not None
    assert rows(records) == parsed(records)


@given(st.binary(max_size=60))
def test_damaged_bytes_are_walked_like_parsed_or_not_at_all(noise: bytes) -> None:
    walked = walk(pa.array([noise], pa.binary()))
    if walked is not None:
        for column in walked.columns.values():
            column.validate()


@pytest.mark.parametrize("second", [AnyValue(), AnyValue(string_value="b"), AnyValue(int_value=7)])
def test_a_body_in_two_parts_is_merged(second: AnyValue) -> None:
    first = AnyValue(string_value="a")
    record = joined([LogRecord(body=first), LogRecord(body=second)])
    assert rows([record]) == parsed([record])


def test_chunks_that_were_walked_and_parsed_make_one_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp_decode, "_CHUNK_ROWS", 1)
    plain = LogRecord(body=AnyValue(string_value="plain")).SerializeToString()
    number = LogRecord(body=AnyValue(int_value=7)).SerializeToString()
    request = REQUESTS[Signal.LOGS]()
    for record in (plain, number, plain):
        request.resource_logs.add().scope_logs.add().log_records.append(record)
    export = Export(signal=Signal.LOGS, payload=request.SerializeToString(), received_ns=1)
    table = Decoder(redact_attributes).decode([export], received_ms=1).logs
    assert table is not None
    assert table["body"].to_pylist() == ["plain", "7", "plain"]
    assert table["body_type"].to_pylist() == ["", "int", ""]


def test_more_attributes_than_are_kept_are_counted() -> None:
    many = LogRecord(attributes=[KeyValue(key=f"k{n}") for n in range(ATTRIBUTES_MAX + 3)])
    request = REQUESTS[Signal.LOGS]()
    request.resource_logs.add().scope_logs.add().log_records.append(many.SerializeToString())
    export = Export(signal=Signal.LOGS, payload=request.SerializeToString(), received_ns=1)
    batch = Decoder(redact_attributes).decode([export], received_ms=1)
    assert batch.dropped == {"attributes over the limit": 3}


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
    raw = record.SerializeToString()
    assert LOG_RECORD.FromString(raw).SerializeToString() == raw
    walked = walk(pa.array([raw], pa.binary()))
    assert walked is not None
    found = {name: column[0].as_py() for name, column in walked.columns.items()}
    assert found == {
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
    }
    assert walked.attributes.to_pylist() == [a.SerializeToString() for a in record.attributes]
