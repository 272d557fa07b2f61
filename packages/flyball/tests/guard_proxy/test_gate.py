"""The gate, in front of a Flyball server of a few lines: what goes on, and what is answered in its place."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from flyball.guard_proxy.asked import Server
from flyball.guard_proxy.gate import OF_CLIENTS, OF_SERVERS, PENDING_MAX, Gate, Passed
from flyball.guard_proxy.judge import PASSES, Judge, Verdict
from flyball.guard_proxy.mirrored import differing
from flyball.guard_proxy.naming import name_of
from flyball.guard_proxy.pins import Pins, accept, load
from flyball.guard_proxy.strict import Message, read
from flyball.guard_proxy.told import Told
from flyball_sdk.guard.call import ToolCall
from hypothesis import given
from hypothesis import strategies as st

_KEYS = st.sampled_from(
    (
        *(
            "name",
            "arguments",
            "cursor",
            "tools",
            "nextCursor",
            "requestId",
            "clientInfo",
            "inputRequests",
            "content",
        ),
        *(
            "method",
            "params",
            "description",
            "inputSchema",
            "isError",
            "code",
            "message",
            "instructions",
            "_meta",
        ),
    )
)


@dataclass
class Flyball:
    """A server that answers as a test says, and keeps what it was asked. `answers` are by the tool's name."""

    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    status: int = 200
    url: str = ""


@pytest.fixture
def flyball() -> Generator[Flyball]:
    made = Flyball()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            made.asked.append((self.path, body))
            text = json.dumps(made.answers.get(body["tool_name"], {"action": "allow"})).encode()
            self.send_response(made.status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        server.shutdown()
        thread.join()


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def gate(flyball: Flyball, tmp_path: Path, lines: list[str]) -> Generator[Gate]:
    told = Told(write=lines.append)
    judge = Judge(server=Server(flyball.url), told=told)
    yield Gate(name="s", judge=judge, pins=Pins(tmp_path / "s.json", told), told=told)
    judge.server.close()


def _said(**more: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **more}).encode()


def _call(number: int = 1, tool: str = "t", **arguments: Any) -> bytes:
    return _said(id=number, method="tools/call", params={"name": tool, "arguments": arguments})


def _list(gate: Gate, *tools: dict[str, Any], cursor: str = "", more: str = "") -> None:
    asked = gate.from_client(_said(id="l", method="tools/list", params={"cursor": cursor} if cursor else {}))
    assert asked.to_server
    result: dict[str, Any] = {"tools": list(tools)} | ({"nextCursor": more} if more else {})
    assert gate.from_server(_said(id="l", result=result)).to_client


def _text(passed: Passed) -> str:
    assert passed.to_server is None
    assert passed.to_client is not None
    message = passed.to_client
    return message.error["message"] if message.kind == "error" else message.result["content"][0]["text"]


def test_a_modified_call_is_judged_again_and_goes_on_as_modified(gate: Gate, flyball: Flyball) -> None:
    flyball.answers["mcp__s__t"] = {"action": "modify", "modified_input": {"a": 2}, "reason": "smaller"}
    passed = gate.from_client(_call(a=1))
    assert passed.to_server is not None
    assert (passed.to_server.params or {})["arguments"] == {"a": 2}
    assert [body["tool_input"] for _, body in flyball.asked] == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("answer", [{"action": "modify"}, {"action": "modify", "modified_input": [1]}])
def test_a_modification_that_does_not_say_how_stops(
    gate: Gate, flyball: Flyball, answer: dict[str, Any]
) -> None:
    flyball.answers["mcp__s__t"] = answer
    assert "does not say how" in _text(gate.from_client(_call()))


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (500, {}),
        (429, {}),
        (302, {}),
        (401, {}),
        (200, {"action": "maybe"}),
        (200, [1]),
        (400, {"error": "no"}),
    ],
)
def test_no_answer_stops_when_closed(gate: Gate, flyball: Flyball, status: int, answer: Any) -> None:
    flyball.status, flyball.answers["mcp__s__t"] = status, answer
    assert "blocks this" in _text(gate.from_client(_call()))


@pytest.mark.parametrize("status", [500, 400, 413])
def test_open_lets_run_what_nobody_judged_but_not_what_the_guard_refuses(
    gate: Gate, flyball: Flyball, status: int
) -> None:
    gate.judge.fail = "open"
    flyball.status = status
    assert (gate.from_client(_call()).to_server is not None) is (status == 500)


def test_a_result_is_seen_by_the_guard_before_the_client_has_it(gate: Gate, flyball: Flyball) -> None:
    gate.from_client(_call())
    content = [{"type": "text", "text": "one"}, {"type": "resource", "resource": {"uri": "u", "text": "two"}}]
    assert gate.from_server(_said(id=1, result={"content": content})).to_client
    path, body = flyball.asked[-1]
    assert path == "/v1/guard/observe"
    assert {"one", "two"} <= set(body["tool_output"].splitlines())


def test_what_nobody_asked_for_is_dropped_and_counted(gate: Gate, lines: list[str]) -> None:
    assert gate.from_server(_said(id=1, result={})) == Passed()
    assert gate.from_client(_said(id=1, result={})) == Passed()
    gate.from_client(_call())
    assert gate.from_server(_said(id="1", result={})) == Passed(), "an id is of one type"
    gate.told.end()
    assert "2 answers of the server that nobody asked for" in lines[-1]


def test_an_answer_that_is_no_message_is_answered_in_its_place(gate: Gate) -> None:
    gate.from_client(_call(5))
    passed = gate.from_server(b'{"jsonrpc":"2.0","id":5,"result":{"a":1,"a":2}}')
    assert passed.to_client is not None
    assert (passed.to_client.id, "twice" in passed.to_client.error["message"]) == (5, True)
    assert gate.from_server(b'{"jsonrpc":"2.0","id":5,"result":{}}') == Passed()


def test_methods_that_are_not_known_are_refused_on_both_sides(gate: Gate) -> None:
    assert "no method" in _text(gate.from_client(_said(id=1, method="tools/run")))
    refused = gate.from_server(_said(id=1, method="files/read"))
    assert refused.to_client is None
    assert refused.to_server is not None
    assert refused.to_server.error["code"] == -32601
    assert gate.from_server(_said(id=2, method="roots/list")).to_client
    assert gate.from_server(_said(method="notifications/anything")).to_client
    assert gate.from_server(_said(method="sampling/createMessage", params={})) == Passed()
    assert gate.from_client(_said(method="tools/call", params={"name": "t"})) == Passed()


def test_waiting_requests_are_bounded_and_an_id_is_used_once(gate: Gate) -> None:
    for number in range(PENDING_MAX):
        assert gate.from_client(_said(id=number, method="ping")).to_server
    assert "wait for their answers" in _text(gate.from_client(_said(id="x", method="ping")))
    assert "of this id" in _text(gate.from_client(_said(id=0, method="ping")))
    gate.from_client(_said(method="notifications/cancelled", params={"requestId": 0}))
    gate.from_client(_said(method="notifications/cancelled", params={"requestId": {"a": 1}}))
    assert gate.from_client(_said(id=0, method="ping")).to_server
    assert len(list(gate.ended("over"))) == PENDING_MAX


def test_a_result_that_asks_is_judged_as_a_request_is(gate: Gate, flyball: Flyball) -> None:
    """2026-07-28: a server asks by a result, and the client calls again with the answers."""
    flyball.answers["mcp__s__elicitation"] = {"action": "ask", "reason": "no [mcp.elicitation]"}
    asks = {
        "resultType": "input_required",
        "inputRequests": {"k": {"method": "elicitation/create", "params": {}}},
    }
    gate.from_client(_call())
    assert "mcp.elicitation" in _text(gate.from_server(_said(id=1, result=asks)))
    gate.from_client(_call())
    unknown = {"inputRequests": {"k": {"method": "files/read"}}}
    assert "nobody knows" in _text(gate.from_server(_said(id=1, result=unknown)))
    flyball.answers.clear()
    gate.from_client(_call())
    assert gate.from_server(_said(id=1, result=asks)).to_client is not None


def test_what_a_call_may_say_is_known(gate: Gate) -> None:
    params = {"name": "t", "arguments": {}, "Arguments2": {"x": 1}}
    assert "no 'Arguments2'" in _text(gate.from_client(_said(id=1, method="tools/call", params=params)))
    assert "name and its arguments" in _text(
        gate.from_client(_said(id=1, method="tools/call", params={"name": 1}))
    )


def test_pins_over_pages_and_processes(gate: Gate, tmp_path: Path, lines: list[str]) -> None:
    a, b = {"name": "a", "description": "A"}, {"name": "b", "inputSchema": {"type": "object"}}
    _list(gate, a, more="2")
    _list(gate, b, cursor="2")
    assert gate.from_client(_call(1, "b")).to_server
    _list(gate, a, {**b, "inputSchema": {"type": "object", "required": ["x"]}}, {"name": "c"})
    assert "another inputSchema" in _text(gate.from_client(_call(2, "b")))
    assert "is new" in _text(gate.from_client(_call(3, "c")))
    assert "not among" in _text(gate.from_client(_call(4, "d")))
    assert sum("has another inputSchema" in line for line in lines) >= 1

    again = Gate(name="s", judge=gate.judge, pins=Pins(tmp_path / "s.json", gate.told), told=gate.told)
    assert "another inputSchema" in _text(again.from_client(_call(5, "b")))
    accept(tmp_path / "s.json")
    for which in (gate, again):
        assert which.from_client(_call(6, "b")).to_server
        assert which.from_client(_call(7, "c")).to_server
    pinned = load(tmp_path / "s.json")
    assert pinned is not None
    assert sorted(pinned.tools) == ["a", "b", "c"]


def test_a_listing_that_never_ends_is_over_when_another_begins(gate: Gate) -> None:
    _list(gate, {"name": "a"}, more="2")
    _list(gate, {"name": "a"}, {"name": "late"}, more="2")
    assert "is new" in _text(gate.from_client(_call(1, "late")))


def test_two_definitions_of_one_name_are_a_change(gate: Gate) -> None:
    _list(gate, {"name": "a", "description": "one"}, {"name": "a", "description": "two"})
    assert "another description" in _text(gate.from_client(_call(1, "a")))


def test_headers_say_what_the_message_says() -> None:
    params: dict[str, Any] = {
        "name": "t",
        "arguments": {"region": "eu", "n": 3, "on": True, "deep": {"k": "ü"}},
    }
    message = read(_said(id=1, method="tools/call", params=params))
    right = {"mcp-method": "tools/call", "mcp-name": "t", "mcp-param-region": "eu", "mcp-param-n": "3"}
    assert differing(right | {"mcp-param-on": "true", "mcp-param-k": "=?base64?w7w=?="}, message) == ""
    for name, value in (("mcp-method", "tools/list"), ("mcp-name", "u"), ("mcp-param-region", "us")):
        assert differing(right | {name: value}, message) == name
    assert differing({"mcp-name": "=?base64?dB==?="}, message) == "mcp-name", "not canonical"


@pytest.mark.parametrize(
    ("command", "url", "name"),
    [
        (["npx", "-y", "@scope/Server-Files@1.2"], "", "server-files"),
        (["python3.11", "-P", "/srv/my_server.py", "/data"], "", "my_server"),
        (["uvx", "mcp-server-git"], "", "mcp-server-git"),
        (["docker", "run", "-i", "--rm", "acme/notes"], "", "notes"),
        ([], "https://mcp.example.com:8443/mcp", "mcp-example-com"),
    ],
)
def test_a_server_is_named_by_what_starts_it(command: list[str], url: str, name: str) -> None:
    assert name_of(command, url) == name


_ODD = st.recursive(
    st.sampled_from(
        [None, True, 0, -1, 1.5, "", "a", "x" * 300, "tools/call", "\u202e", "sampling/createMessage"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=5),
    max_leaves=20,
)
_ODD_MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from([1, 2, "1", None, True, {}]),
        "method": st.sampled_from([*sorted(OF_CLIENTS | OF_SERVERS), "notifications/cancelled", "x", 1]),
        "params": _ODD,
        "result": _ODD,
        "error": _ODD,
    },
)


@given(st.lists(st.tuples(st.booleans(), _ODD_MESSAGES), min_size=2, max_size=12))
def test_no_message_brings_the_gate_down(messages: list[tuple[bool, dict[str, Any]]]) -> None:
    """And nothing is passed on that another reading of it would not give."""
    with tempfile.TemporaryDirectory() as folder:
        told = Told(write=lambda _line: None)
        judge = _Lenient(server=Server("http://127.0.0.1:9"), told=told)
        gate = Gate(name="s", judge=judge, pins=Pins(Path(folder) / "s.json", told), told=told)
        for of_client, message in messages:
            text = _said(**message)
            passed = gate.from_client(text) if of_client else gate.from_server(text)
            onward = passed.to_server if of_client else passed.to_client
            if onward is not None and onward.kind in ("request", "notification"):
                assert read(onward.line()) == onward


class _Lenient(Judge):
    """Lets everything pass: what is tested comes before and after it."""

    def judge(self, call: ToolCall) -> Verdict:
        del call
        return PASSES

    def observe(self, call: ToolCall, output: str) -> None:
        del call
        assert isinstance(output, str)


def test_a_message_is_one_line() -> None:
    assert Message(kind="notification", method="m", params={"a": "b\nc\u2028"}).line() == (
        b'{"jsonrpc":"2.0","method":"m","params":{"a":"b\\nc\\u2028"}}'
    )
