"""The guard's writes: every one of them asks for the operator's token, on loopback too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from flyball.api.routes import json_body
from flyball.commands.guard_acts import GUARD_COMMANDS, GuardActs, named_policy
from flyball.commands.table import Command
from flyball.component.respond import answering, json_response
from flyball.errors import Forbidden, InputError
from flyball.guard.browsers import Browsers
from flyball.guard.keys import Keys

_POLICY_BODY_BYTES_MAX = 256 * 1024
_HOW = "the operator's token is needed: Authorization: Bearer and what DATA/guard/operator.token holds"


def guard_routes(acts: GuardActs, keys: Keys, browsers: Browsers, *, base_url: str) -> list[Route]:
    """The routes of the guard's acts, of policies, and of the one-time link for the page."""

    def operators(
        endpoint: Callable[[Request], Awaitable[Response]],
    ) -> Callable[[Request], Awaitable[Response]]:
        async def checked(request: Request) -> Response:
            given = request.headers.get("authorization", "")
            if not keys.is_operator(given.removeprefix("Bearer ")):
                raise Forbidden(_HOW)
            return await endpoint(request)

        return answering(checked)

    async def put_policy(request: Request) -> Response:
        given = await json_body(request, bytes_max=_POLICY_BODY_BYTES_MAX)
        text, by = given.get("text"), given.get("by", "operator")
        if not isinstance(text, str) or not isinstance(by, str) or given.keys() - {"text", "by"}:
            raise InputError('a policy is put as {"text": its YAML, "by": who}; an empty text removes it')
        return json_response(await acts.put_policy(named_policy(request.path_params["name"]), text, by=by))

    async def sign_in_link(request: Request) -> Response:
        await json_body(request)
        return json_response({"url": f"{base_url}/guard/enter?code={browsers.link(acts.wall.now())}"})

    def doing(command: Command) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            given = await json_body(request) | request.path_params
            return json_response(await acts.do(command, command.arguments(given)), command.status)

        return operators(endpoint)

    return [
        *(Route(f"/api/v1{one.path}", doing(one), methods=["POST"]) for one in GUARD_COMMANDS),
        Route("/api/v1/guard/policies/{name}", operators(put_policy), methods=["PUT"]),
        Route("/api/v1/guard/sign-in-link", operators(sign_in_link), methods=["POST"]),
    ]
