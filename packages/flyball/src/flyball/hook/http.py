"""The hook over HTTP: a client's event in, its verdict out, with the same words as the hook process.

`POST /v1/guard/hook/CLIENT[?fail=open]` with the event as body. Anything but a verdict is an error of HTTP, which the client treats
as its settings say (`onFailure`).

With `as=process` it answers the relay (`alone/relay.bash`), which has no JSON: the exit code of the hook process on the first
line, its standard output on the second, its standard error behind; `uid` is the relay's own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl

import orjson

from flyball.errors import InputError
from flyball.hook.alone import answered, asked
from flyball.hook.alone.wire import Unanswered
from flyball.hook.command import CLIENTS, DEADLINE_MS, Fail

Post = Callable[[str, bytes], Awaitable[tuple[int, bytes]]]
"""Path and body of a question to the guard -> status and body of its answer."""
QUERY_BYTES_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How an event is asked about, by the query of its address: the failure mode, by whom, and in which form to answer."""

    fail: Fail = "closed"
    uid: str = ""
    as_process: bool = False

    @classmethod
    def of(cls, query: bytes) -> Asked:
        """From `fail=open&uid=1000&as=process`; what is not known is passed over."""
        given = dict(parse_qsl(query[:QUERY_BYTES_MAX].decode("latin-1")))
        uid = given.get("uid", "")
        return cls(
            fail="open" if given.get("fail") == "open" else "closed",
            uid=uid if uid.isdecimal() and uid.isascii() else "",
            as_process=given.get("as") == "process",
        )


async def respond(client: str, body: bytes, post: Post, how: Asked) -> tuple[int, bytes]:
    """Status and body for one event.

    Args:
        client: Whose event it is.
        body: The event as the client sent it, within the server's bound.
        post: Asks the guard, as the caller who sent the event.
        how: As the address says.

    Raises:
        InputError: it is no event of a client that is known.
    """
    try:
        event = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InputError(f"the event is no JSON: {error}") from error
    if client not in CLIENTS or not isinstance(event, dict):
        raise InputError(f"an event is an object of one of: {', '.join(CLIENTS)}")
    verdict: answered.Verdict = (0, None, "")
    try:
        path, question = asked.request_of(client, event, how.fail, DEADLINE_MS)
        if how.uid:
            question["context"]["user_id"] = f"uid:{how.uid}"
        if path:
            status, said = await post(path, orjson.dumps(question))
            if path != asked.OBSERVE:
                verdict = answered.verdict_of(client, event, answered.parse_answer(status, said), question)
    except Unanswered as error:
        return 502, orjson.dumps({"error": f"no answer from the guard: {error}"})
    code, output, error = verdict
    if how.as_process:
        return 200, b"%d\n%b\n%b" % (
            code,
            orjson.dumps(output) if output else b"",
            error.encode(errors="replace"),
        )
    return 200, orjson.dumps(output or {})
