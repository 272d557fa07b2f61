"""Each message of a session, in both directions: what becomes of it.

The gate carries nothing itself: it is given the bytes of a message and says what goes to the server and what to the
client. What it does not understand it does not pass on. It blocks its thread while the guard is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

from flyball_sdk.guard.call import ToolCall

from flyball.guard_proxy.judge import PASSES, Judge, Verdict
from flyball.guard_proxy.pins import Pins
from flyball.guard_proxy.strict import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    REFUSED,
    SERVER_BUSY,
    Id,
    Malformed,
    Message,
    early_id,
    failure,
    read,
)
from flyball.guard_proxy.told import Told
from flyball.guard_proxy.wary import suspicions, texts_of

PENDING_MAX = 1_024
"""Requests in each direction that wait for their answer; one more is refused."""
OF_CLIENTS = frozenset(
    {"initialize", "ping", "completion/complete", "logging/setLevel", "prompts/get", "prompts/list"}
    | {"resources/list", "resources/read", "resources/subscribe", "resources/templates/list"}
    | {"resources/unsubscribe", "tools/call", "tools/list", "server/discover", "subscriptions/listen"}
    | {"tasks/get", "tasks/result", "tasks/list", "tasks/cancel"}
)
"""What a client may ask a server: the specifications up to 2026-07-28."""
OF_SERVERS = frozenset(
    {"ping", "roots/list", "sampling/createMessage", "elicitation/create"}
    | {"tasks/get", "tasks/result", "tasks/list", "tasks/cancel"}
)
"""What a server may ask a client."""
_OF_CALLS = frozenset({"name", "arguments", "_meta", "task", "inputResponses", "requestState"})
"""What the parameters of a call may be."""
_VERSION = "io.modelcontextprotocol/protocolVersion"
"""By this in `_meta` a request says that it is of 2026-07-28 or later, where each result says whether it is complete."""
_GUARDED = {"sampling/createMessage": "sampling", "elicitation/create": "elicitation"}
_OBSERVED = frozenset({"tools/call", "resources/read", "prompts/get", "tasks/result"})
"""What comes back by these is from outside."""


@dataclass(frozen=True, slots=True)
class Passed:
    """What becomes of a message: what the server gets and what the client gets, either may be nothing."""

    to_server: Message | None = None
    to_client: Message | None = None


NOTHING = Passed()


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A request of the client that the server has."""

    method: str
    call: ToolCall | None = None
    begins: bool = True
    complete: bool = False


@dataclass(slots=True, kw_only=True)
class Gate:
    """The messages of one session with the server of that name."""

    name: str
    judge: Judge
    pins: Pins
    told: Told
    agent: str = ""
    _asked: dict[Id, _Waiting] = field(default_factory=dict[Id, _Waiting])
    _asking: dict[Id, str] = field(default_factory=dict[Id, str])
    _lock: Lock = field(default_factory=Lock)

    def another(self) -> Gate:
        """A gate of another session with the same server."""
        return Gate(name=self.name, judge=self.judge, pins=self.pins, told=self.told)

    def given_up(self, whose: Id | None) -> None:
        """Wait no longer for that answer."""
        if whose is not None:
            with self._lock:
                self._asked.pop(whose, None)

    # -- from the client ----------------------------------------------------------------------------------

    def from_client(self, text: bytes) -> Passed:
        """What becomes of a message of the client."""
        try:
            message = read(text)
        except Malformed as error:
            self.told.counted("messages of the client refused", str(error))
            return Passed(to_client=failure(error.id, str(error), error.code))
        match message.kind:
            case "request":
                return self._request(message)
            case "notification":
                return self._notified(message)
            case _:
                with self._lock:
                    known = message.id is not None and self._asking.pop(message.id, None)
                if known:
                    return Passed(to_server=message)
                self.told.counted("answers of the client that nobody asked for")
                return NOTHING

    def too_long(self, begin: bytes, *, of_client: bool) -> Passed:
        """What becomes of a message that is longer than one may be; `begin` is how it begins."""
        sentence = "a message is longer than the 4 MiB that the proxy passes on"
        whose = early_id(begin)
        if of_client:
            self.told.counted("messages of the client refused", sentence)
            return Passed(to_client=failure(whose, sentence, INVALID_REQUEST))
        return self._unread_answer(whose, sentence)

    def _notified(self, message: Message) -> Passed:
        if not message.method.startswith("notifications/"):
            self.told.counted(
                "messages of the client refused", f"{message.method} without an id is no notification"
            )
            return NOTHING
        self._cancelled(message, self._asked)
        return Passed(to_server=message)

    def _cancelled(self, message: Message, waiting: dict[Id, Any]) -> None:
        """Wait no longer for what is given up."""
        whose = (message.params or {}).get("requestId")
        if message.method == "notifications/cancelled" and isinstance(whose, (str, int)):
            with self._lock:
                waiting.pop(whose, None)

    def _request(self, message: Message) -> Passed:
        refusal = self._inadmissible(message)
        if refusal:
            return Passed(to_client=refusal)
        params = message.params or {}
        if message.method == "tools/call":
            return self._call(message, params)
        call = None
        if message.method in _OBSERVED:
            call = self._tool(message.method.replace("/", "_"), params, message)
            verdict = self.judge.judge(call)
            if not verdict.passes:
                return Passed(to_client=failure(message.id, verdict.text, REFUSED))
        elif message.method == "initialize":
            info = params.get("clientInfo")
            named = info.get("name") if isinstance(info, dict) else None
            self.agent = self.agent or (named if isinstance(named, str) else "")
        return self._forward(message, _Waiting(message.method, call, begins=not params.get("cursor")))

    def _inadmissible(self, message: Message) -> Message | None:
        """Why this request cannot be asked at all."""
        if message.method not in OF_CLIENTS:
            sentence = f"{message.method} is no method that the proxy passes on"
            self.told.counted("messages of the client refused", sentence)
            return failure(message.id, sentence, METHOD_NOT_FOUND)
        with self._lock:
            if message.id in self._asked:
                return failure(message.id, "a request of this id waits for its answer", INVALID_REQUEST)
            if len(self._asked) < PENDING_MAX:
                return None
        self.told.counted("messages of the client refused", f"{PENDING_MAX} requests wait for their answers")
        return failure(message.id, f"{PENDING_MAX} requests wait for their answers", SERVER_BUSY)

    def _call(self, message: Message, params: Mapping[str, Any]) -> Passed:
        name, arguments = params.get("name"), params.get("arguments")
        arguments = {} if arguments is None else arguments
        if not isinstance(name, str) or not isinstance(arguments, dict):
            return Passed(
                to_client=failure(message.id, "a call has a name and its arguments", INVALID_REQUEST)
            )
        if unknown := params.keys() - _OF_CALLS:
            sentence = f"a call has no {min(unknown)[:64]!a}"
            return Passed(to_client=failure(message.id, sentence, INVALID_REQUEST))
        call = self._tool(name, arguments, message)
        verdict = self.judge.judge(call)
        doubt = self.pins.doubt(name) if verdict.passes else ""
        if doubt:
            verdict = Verdict(action="ask", text=self._doubted(name, doubt))
        if not verdict.passes:
            self.told.counted("calls stopped", "" if doubt else f"{call.tool_name}: the guard {verdict.text}")
            return Passed(to_client=_told_to_model(message.id, verdict, complete=_says_version(params)))
        if verdict.modified is not None:
            self.told.say(f"{call.tool_name} is called with other arguments: {verdict.text}")
            call = replace(call, tool_input=verdict.modified)
            message = replace(message, params={**params, "arguments": verdict.modified})
        return self._forward(message, _Waiting("tools/call", call, complete=_says_version(params)))

    def _doubted(self, name: str, doubt: str) -> str:
        told = (
            f"asks a person first: the tool {name} of the server {self.name} {doubt}. Let the operator look at it and"
            f" run `flyball guard pin {self.name} --accept`, then make the same call again."
        )
        self.told.say(f"the tool {name} is called and {doubt}")
        return told

    def _tool(self, name: str, given: Mapping[str, Any], message: Message) -> ToolCall:
        plain = {
            key: value for key, value in given.items() if key != "_meta" or message.method == "tools/call"
        }
        call_id = str(message.id)
        return self.judge.call(f"mcp__{self.name}__{name}", plain, call_id=call_id, agent=self.agent)

    def _forward(self, message: Message, waiting: _Waiting) -> Passed:
        if message.id is not None:
            with self._lock:
                self._asked[message.id] = waiting
        return Passed(to_server=message)

    # -- from the server ----------------------------------------------------------------------------------

    def from_server(self, text: bytes) -> Passed:
        """What becomes of a message of the server."""
        try:
            message = read(text)
        except Malformed as error:
            return self._unread_answer(error.id, str(error))
        match message.kind:
            case "request":
                return self._server_asks(message)
            case "notification":
                if message.method.startswith("notifications/"):
                    self._cancelled(message, self._asking)
                    return Passed(to_client=message)
                self.told.counted(
                    "messages of the server dropped", f"{message.method} without an id is no notification"
                )
                return NOTHING
            case _:
                return self._answered(message)

    def ended(self, sentence: str) -> Iterator[Message]:
        """Answers to everything that waits, when no more can come."""
        with self._lock:
            waiting = list(self._asked)
            self._asked.clear()
        for one in waiting:
            yield failure(one, sentence, INTERNAL_ERROR)

    def _unread_answer(self, whose: Id | None, why: str) -> Passed:
        self.told.counted("messages of the server dropped", why)
        with self._lock:
            waiting = None if whose is None else self._asked.pop(whose, None)
        if waiting is None:
            return NOTHING
        return Passed(
            to_client=failure(whose, f"the server's answer is not passed on: {why}", INTERNAL_ERROR)
        )

    def _server_asks(self, message: Message) -> Passed:
        if message.method not in OF_SERVERS:
            sentence = f"{message.method} is no method that the proxy passes on"
            self.told.counted("requests of the server refused", sentence)
            return Passed(to_server=failure(message.id, sentence, METHOD_NOT_FOUND))
        with self._lock:
            full = len(self._asking) >= PENDING_MAX or message.id in self._asking
        if full:
            self.told.counted(
                "requests of the server refused", "too many of them wait, or its id is used twice"
            )
            return Passed(
                to_server=failure(message.id, "too many requests wait, or the id is in use", SERVER_BUSY)
            )
        verdict = self._of_server(message.method, message.params or {}, message)
        if not verdict.passes:
            return Passed(to_server=failure(message.id, verdict.text, REFUSED))
        if message.id is not None:
            with self._lock:
                self._asking[message.id] = message.method
        return Passed(to_client=message)

    def _of_server(self, method: str, params: Mapping[str, Any], message: Message) -> Verdict:
        """The verdict about what the server asks of the client's model or user."""
        kind = _GUARDED.get(method)
        if kind is None:
            return PASSES
        verdict = self.judge.judge(self._tool(kind, params, message))
        if verdict.modified is not None:
            verdict = Verdict(
                action="block", text="blocks this: the guard would change what the server asks for."
            )
        if not verdict.passes:
            self.told.counted("requests of the server refused", f"{method}: the guard {verdict.text}")
        return verdict

    def _answered(self, message: Message) -> Passed:
        with self._lock:
            waiting = None if message.id is None else self._asked.pop(message.id, None)
        if waiting is None:
            self.told.counted("answers of the server that nobody asked for")
            return NOTHING
        if message.kind == "error":
            if waiting.call is not None:
                self.judge.observe(waiting.call, "\n".join(texts_of(message.error)))
            return Passed(to_client=message)
        refused = self._asks_in_result(message)
        if refused is not None and waiting.method == "tools/call":
            return Passed(to_client=_told_to_model(message.id, refused, complete=waiting.complete))
        if refused is not None:
            return Passed(to_client=failure(message.id, refused.text, REFUSED))
        if waiting.method == "tools/list":
            self._listed(message.result, begins=waiting.begins)
        elif waiting.method in ("initialize", "server/discover"):
            self._wary("its instructions", message.result.get("instructions"))
        if waiting.call is not None:
            self.judge.observe(waiting.call, "\n".join(texts_of(message.result)))
        return Passed(to_client=message)

    def _asks_in_result(self, message: Message) -> Verdict | None:
        """A result may ask instead of answering (`inputRequests`, 2026-07-28): the first of them that is refused."""
        asked = message.result.get("inputRequests")
        if asked is None:
            return None
        for one in asked.values() if isinstance(asked, dict) else [None]:
            method = one.get("method") if isinstance(one, dict) else None
            params = one.get("params", {}) if isinstance(one, dict) else {}
            if method not in OF_SERVERS or not isinstance(params, dict):
                return Verdict(action="block", text="blocks this: the server asks for what nobody knows.")
            verdict = self._of_server(method, params, message)
            if not verdict.passes:
                return verdict
        return None

    def _listed(self, result: Mapping[str, Any], *, begins: bool) -> None:
        tools = result.get("tools")
        tools = tools if isinstance(tools, list) else []
        self.pins.listed(tools, begins=begins, ends=not result.get("nextCursor"))
        for tool in tools:
            if isinstance(tool, dict):
                self._wary(f"the tool {tool.get('name')}", tool)

    def _wary(self, what: str, value: Any) -> None:
        for found in suspicions(value):
            self.told.say(f"{what} of the server {self.name} {found}")


def _says_version(params: Mapping[str, Any]) -> bool:
    said = params.get("_meta")
    return isinstance(said, dict) and _VERSION in said


def _told_to_model(id: Id | None, verdict: Verdict, *, complete: bool) -> Message:  # noqa: A002 - JSON-RPC's own word
    """A refusal as the result of a call, which a model reads."""
    content = [{"type": "text", "text": f"The Flyball guard {verdict.text}"}]
    more = {"resultType": "complete"} if complete else {}
    return Message(kind="result", id=id, result={"content": content, "isError": True, **more})
