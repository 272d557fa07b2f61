"""Attributes: every row gets its own back, in order, whatever was met before and however full the memo is."""

from __future__ import annotations

import pyarrow as pa
import pytest
from flyball.distill.redact import redact_attributes
from flyball.receivers import otlp_attributes
from flyball.receivers.otlp_attributes import ATTRIBUTES_MAX, Attributes, Memo, any_value
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue

VALUES = st.one_of(
    st.text(max_size=8).map(lambda v: AnyValue(string_value=v)),
    st.integers(-(2**63), 2**63 - 1).map(lambda v: AnyValue(int_value=v)),
    st.booleans().map(lambda v: AnyValue(bool_value=v)),
    st.binary(max_size=8).map(lambda v: AnyValue(bytes_value=v)),
    st.just(AnyValue()),
    st.just(AnyValue(array_value=ArrayValue(values=[AnyValue(string_value="a"), AnyValue(int_value=1)]))),
)
ROWS = st.lists(
    st.lists(st.builds(lambda k, v: KeyValue(key=k, value=v), st.sampled_from("abc"), VALUES), max_size=4),
    min_size=1,
    max_size=12,
)


def columns(rows: list[list[KeyValue]], memo: Memo, *, chunk: int = 5) -> dict[str, pa.Array]:
    attributes = Attributes(memo, redact_attributes)
    for start in range(0, len(rows), chunk):
        for row in rows[start : start + chunk]:
            attributes.add([attribute.SerializeToString() for attribute in row])
        attributes.finish_chunk()
    return attributes.columns()


@pytest.mark.parametrize("bytes_max", [0, 800, 10**6])
@given(batches=st.lists(ROWS, min_size=1, max_size=3))
def test_each_row_gets_its_own_back(bytes_max: int, batches: list[list[list[KeyValue]]]) -> None:
    memo = Memo()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(otlp_attributes, "_MEMO_BYTES_MAX", bytes_max)
        for rows in batches:
            found = columns(rows, memo)
            pairs = [[(a.key, *any_value(a.value)) for a in row] for row in rows]
            assert found["attributes"].to_pylist() == [[(k, text) for k, text, _ in row] for row in pairs]
            typed = [[(k, type_) for k, _, type_ in row if type_] for row in pairs]
            assert found["attribute_types"].to_pylist() == typed


def test_what_is_remembered_is_redacted_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp_attributes, "_MEMO_BYTES_MAX", 10_000)
    memo = Memo()
    for number in range(100):
        row = [
            KeyValue(key="db.password", value=AnyValue(string_value=f"hunter{number}")),
            KeyValue(key="statement", value=AnyValue(string_value="x" * 10_000)),
        ]
        assert columns([row, row], memo)["attributes"].to_pylist()[1][0] == ("db.password", "<*>")
    assert 0 < len(memo.known) < 30
    assert {text for _, text, _ in memo.known.values()} == {"<*>"}


def test_more_than_the_limit_are_dropped_and_counted() -> None:
    attributes = Attributes(Memo(), redact_attributes)
    for number in (ATTRIBUTES_MAX, ATTRIBUTES_MAX + 3):
        attributes.add([KeyValue(key=f"k{n}").SerializeToString() for n in range(number)])
    attributes.finish_chunk()
    assert [len(row) for row in attributes.columns()["attributes"].to_pylist()] == [ATTRIBUTES_MAX] * 2
    assert attributes.dropped == 3
