"""Messages are read in one way or not at all; lines and events come out whole however they are cut."""

from __future__ import annotations

import itertools
import json
from typing import Any

import orjson
import pytest
from flyball.guard_proxy.events import Event, Events, TooMuch, written
from flyball.guard_proxy.lines import Lines, TooLong
from flyball.guard_proxy.strict import DEPTH_MAX, MESSAGE_BYTES_MAX, Malformed, Message, early_id, read
from hypothesis import given
from hypothesis import strategies as st

_TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | _TEXTS
    | st.floats(allow_nan=False, allow_infinity=False)
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=12,
)
_PARAMS = st.dictionaries(_TEXTS.map(str.casefold), _VALUES, max_size=4).filter(
    lambda value: len({key.casefold() for key in value}) == len(value) and "arguments" not in value
)
_IDS = st.integers(-(2**63), 2**64 - 1) | _TEXTS


def _message(**more: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **more}, ensure_ascii=False).encode()


@given(_IDS, _PARAMS)
def test_what_is_written_is_what_was_read(number: int | str, params: dict[str, Any]) -> None:
    message = read(_message(id=number, method="tools/call", params=params))
    assert read(message.line()) == message
    assert message.line().isascii()
    assert b"\n" not in message.line()
    # another parser, the same values
    assert orjson.loads(message.line())["params"] == params


@given(st.binary(max_size=200) | _VALUES.map(lambda value: json.dumps(value).encode()))
def test_whatever_comes_is_a_message_or_malformed(text: bytes) -> None:
    try:
        message = read(text)
    except Malformed:
        return
    assert read(message.line()) == message


@given(_PARAMS.filter(bool), st.data())
def test_a_key_that_is_there_twice_is_refused(params: dict[str, Any], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(params)))
    pairs = [f"{json.dumps(name)}:{json.dumps(value)}" for name, value in params.items()]
    pairs.insert(data.draw(st.integers(0, len(pairs))), f"{json.dumps(key)}:1")
    text = '{"jsonrpc":"2.0","id":3,"method":"m","params":{"arguments":{"deep":{' + ",".join(pairs) + "}}}}"
    with pytest.raises(Malformed, match="there twice") as refused:
        read(text.encode())
    assert refused.value.id == 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"m"}', "twice"),
        (b'{"jsonrpc":"2.0","id":1,"method":"m","Method":"n"}', "case alone"),
        (b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"name":"a","NAME":"b"}}', "case alone"),
        (b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"arguments":{"path":1,"Path":2}}}', "case alone"),
        ('{"jsonrpc":"2.0","id":1,"method":"m","params":{"\u212aey":1,"key":2}}'.encode(), "case alone"),
        (b'{"jsonrpc":"2.0","id":1,"method":"m","extra":1}', "no field"),
        (b'{"jsonrpc":"2.0","id":1,"method":"m","params":[1]}', "params is an object"),
        (b'{"jsonrpc":"2.0","id":null,"method":"m"}', "an id is"),
        (b'{"jsonrpc":"2.0","id":true,"method":"m"}', "an id is"),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"m"}', "an id is"),
        (b'{"jsonrpc":"2.0","id":1,"method":"m","result":{}}', "not both"),
        (b'{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"m"}}', "a result or an error"),
        (b'{"jsonrpc":"2.0","id":1}', "a result or an error"),
        (b'{"jsonrpc":"1.0","id":1,"method":"m"}', "jsonrpc"),
        (b'[{"jsonrpc":"2.0","id":1,"method":"m"}]', "batch"),
        (b'{"jsonrpc":"2.0","id":1,"method":"m"}{}', "not JSON"),
        (b'\xef\xbb\xbf{"jsonrpc":"2.0","id":1,"method":"m"}', "not JSON"),
        (b'{"jsonrpc":"2.0","id":1,"method":"\xff"}', "UTF-8"),
        (b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":1e400}}', "too large"),
        (b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":-1e400}}', "too large"),
        (b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":18446744073709551616}}', "too large"),
        (b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":%s}}' % (b"9" * 5_000), "too large"),
        (b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":NaN}}', "no JSON"),
        (b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":-Infinity}}', "no JSON"),
        (b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":"\\ud83d"}}', "surrogate"),
        (b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"\\udc00":1}}', "surrogate"),
        (b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":%s}}' % (b"[" * 200 + b"]" * 200), "deep"),
        (b"[" * 100_000, "deep"),
    ],
)
def test_what_is_doubtful_is_refused(text: bytes, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        read(text)


def test_whose_answer_it_is_where_that_is_certain() -> None:
    def whose(text: bytes) -> Any:
        with pytest.raises(Malformed) as refused:
            read(text)
        return refused.value.id

    assert whose(b'{"jsonrpc":"2.0","id":4,"method":1}') == 4
    assert whose(b'{"jsonrpc":"2.0","id":4,"id":4,"method":"m"}') is None
    assert whose(b'{"jsonrpc":"2.0","id":4,"ID":5,"method":"m"}') is None
    assert whose(b'{"jsonrpc":"2.0","id":4,"method":"m","params":{"id":5,"id":6}}') == 4
    assert early_id(b'{"jsonrpc":"2.0","id":4,"method":"m') == 4
    assert early_id(b'{"id":"a b","jsonrpc"') == "a b"
    assert early_id(b'{"method":"m","id":4') is None
    assert early_id(b'{"jsonrpc":"2.0","id":4') is None  # it may go on


def test_the_bounds() -> None:
    head = b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":"'
    fits = head + b"x" * (MESSAGE_BYTES_MAX - len(head) - 3) + b'"}}'
    assert read(fits).id == 1
    with pytest.raises(Malformed, match="at most") as refused:
        read(fits + b" ")
    assert refused.value.id == 1
    deep = DEPTH_MAX - 3  # message, params, a
    assert read(b'{"jsonrpc":"2.0","method":"m","params":{"a":%s1%s}}' % (b"[" * deep, b"]" * deep))


def test_parameters_that_are_null_are_none() -> None:
    message = read(b'{"jsonrpc":"2.0","id":1,"method":"ping","params":null}')
    assert message.line() == b'{"jsonrpc":"2.0","id":1,"method":"ping"}'


def test_an_error_without_an_id_is_an_answer() -> None:
    message = read(b'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"m"}}')
    assert message == Message(kind="error", id=None, error={"code": -32700, "message": "m"})


def _cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({min(place, len(data)) for place in places} | {0, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(ends)]


@given(st.lists(st.binary(max_size=30)), st.lists(st.integers(0, 400)))
def test_lines_come_out_however_they_are_cut(lines: list[bytes], places: list[int]) -> None:
    texts = [line.replace(b"\n", b" ") for line in lines]
    framed = Lines(bytes_max=20)
    found = [
        out for piece in _cut(b"".join(text + b"\n" for text in texts), places) for out in framed.feed(piece)
    ]
    expected = [text for text in texts if text.strip() or len(text) > 20]
    assert [isinstance(out, TooLong) for out in found] == [len(text) > 20 for text in expected]
    # of a line that is too long the beginning is kept, as far as it was read then
    assert all(
        text.startswith(out.begin) if isinstance(out, TooLong) else out == text
        for out, text in zip(found, expected, strict=True)
    )
    assert list(framed.end()) == []


def test_a_line_without_its_end_is_none() -> None:
    framed = Lines()
    assert list(framed.feed(b'{"id":1')) == []
    assert list(framed.end()) == [TooLong(b'{"id":1')]


@given(
    st.lists(st.binary(max_size=30).map(lambda data: data.translate(None, b"\r\n"))),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.lists(st.integers(0, 600)),
)
def test_events_come_out_however_they_are_cut(texts: list[bytes], end: bytes, places: list[int]) -> None:
    sent = b"".join(b"id: 7" + end + b"data: " + text + end + end for text in texts)
    events = Events()
    # a CR at the end of a stream waits for the LF that may follow
    found = [out for piece in _cut(sent + b":", places) for out in events.feed(piece)]
    assert found == [Event(text, b"7") for text in texts]


def test_an_event_is_written_as_it_is_read() -> None:
    event = Event(b'{"a":1}', b"3", b"10")
    assert list(Events().feed(written(event))) == [event]
    assert list(Events().feed(b"data: a\ndata: b\nevent: x\n: c\nretry: 1x\n\n")) == [Event(b"a\nb")]
    with pytest.raises(TooMuch):
        list(Events(bytes_max=100).feed(b"data: " + b"x" * 101))
    with pytest.raises(TooMuch):
        list(Events(bytes_max=100).feed(b"data: xxxxxxxxxxxx\n" * 10))
