"""The hook over HTTP: a client's event in, its verdict out, with the same words as the hook process.

`POST /v1/guard/hook/CLIENT[?fail=open]` with the event as body. Anything but a verdict is an error of HTTP, which the client treats
as its settings say (`onFailure`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import orjson

from flyball.errors import InputError
from flyball.hook.alone import answered, asked
from flyball.hook.alone.wire import Unanswered
from flyball.hook.command import CLIENTS, DEADLINE_MS

Post = Callable[[str, bytes], Awaitable[tuple[int, bytes]]]
"""Path and body of a question to the guard -> status and body of its answer."""


async def respond(client: str, body: bytes, post: Post, *, fail: str = "closed") -> tuple[int, bytes]:
    """Status and body for one event.

    Args:
        client: Whose event it is.
        body: The event as the client sent it, within the server's bound.
        post: Asks the guard, as the caller who sent the event.
        fail: `open` where the hook was installed so (`?fail=open`); anything else is closed.

    Raises:
        InputError: it is no event of a client that is known.
    """
    try:
        event = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InputError(f"the event is no JSON: {error}") from error
    if client not in CLIENTS or not isinstance(event, dict):
        raise InputError(f"an event is an object of one of: {', '.join(CLIENTS)}")
    try:
        path, question = asked.request_of(client, event, "open" if fail == "open" else "closed", DEADLINE_MS)
        if not path:
            return 200, b"{}"
        status, said = await post(path, orjson.dumps(question))
        if path == asked.OBSERVE:
            return 200, b"{}"
        answer = answered.parse_answer(status, said)
    except Unanswered as error:
        return 502, orjson.dumps({"error": f"no answer from the guard: {error}"})
    output = answered.verdict_of(client, event, answer, question)[1]
    return 200, orjson.dumps(output or {})
