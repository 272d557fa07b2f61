"""A restart continues where the last record given out ended: at the start of a line, whatever the chunks."""

from __future__ import annotations

from flyball.distill.lines import LineReader
from hypothesis import given
from hypothesis import strategies as st

_LINES = st.lists(
    st.one_of(
        st.binary(max_size=100).map(lambda line: line.replace(b"\n", b" ")),
        st.just(b"Traceback (most recent call last):"),
        st.just(b'  File "pool.py", line 3, in acquire'),
        st.just(b"    raise PoolTimeout"),
        st.just(b""),
    ),
    max_size=30,
)


@given(
    lines=_LINES,
    cuts=st.lists(st.integers(1, 200), min_size=1, max_size=40),
    flushes=st.sets(st.integers(0, 40)),
)
def test_what_is_held_begins_at_a_line(lines: list[bytes], cuts: list[int], flushes: set[int]) -> None:
    data = b"\n".join(lines) + b"\nunfinished"
    reader = LineReader(line_bytes_max=40)
    at = 0
    for number, size in enumerate(cuts * len(data)):
        reader.feed(data[at : at + size])
        at = min(at + size, len(data))
        if number in flushes:
            reader.flush(end=False)
        begin = at - reader.held_bytes
        assert begin == 0 or data[begin - 1 : begin] == b"\n"
        if at == len(data):
            break
    reader.flush()
    assert reader.held_bytes == 0
