"""The REST routes: one per question, one per command, the memory as a document, health, and the OpenAPI of it all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from flyball import __version__
from flyball.commands.guard_acts import GUARD_COMMANDS
from flyball.commands.table import COMMANDS, Command
from flyball.component.respond import answering, json_response
from flyball.errors import InputError, TooLarge
from flyball.queries.ports import Ports
from flyball.queries.questions import QUESTIONS, Question
from flyball.remember.exchange import IMPORT_BYTES_MAX, export_memory, import_memory

_BODY_BYTES_MAX = 64 * 1024

Do = Callable[[Command, dict[str, str]], Awaitable[Any]]
"""(command, its arguments) -> what it answers."""
Status = Callable[[], Mapping[str, Any]]


def rest_routes(ports: Ports, *, do: Do, status: Status) -> list[Route]:
    """The routes; `do` carries out a command, `status` tells the pipeline's state."""

    async def healthz(_: Request) -> Response:
        state = status()
        return json_response(state, 503 if state["trouble"] else 200)

    async def openapi(_: Request) -> Response:
        return json_response(openapi_document())

    async def get_memory(_: Request) -> Response:
        document = await export_memory(ports.memory, ports.workspace)
        return Response(document, media_type="application/json", headers={"cache-control": "no-store"})

    async def post_memory(request: Request) -> Response:
        document = orjson.dumps(await json_body(request, bytes_max=IMPORT_BYTES_MAX))
        added = await import_memory(ports.memory, document, ports.workspace)
        return json_response({"added": added}, 201)

    return [
        Route("/api/v1/memory", answering(get_memory), methods=["GET"]),
        Route("/api/v1/memory", answering(post_memory), methods=["POST"]),
        Route("/healthz", answering(healthz)),
        Route("/api/v1/openapi.json", answering(openapi)),
        *(
            Route(f"/api/v1{command.path}", answering(_doing(command, do)), methods=["POST"])
            for command in COMMANDS
        ),
        *(Route(f"/api/v1{question.path}", answering(_endpoint(question, ports))) for question in QUESTIONS),
    ]


def _endpoint(question: Question, ports: Ports) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        arguments = dict(request.query_params) | request.path_params
        return json_response(await question.answer(ports, arguments))

    return endpoint


def _doing(command: Command, do: Do) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        given = await json_body(request) | request.path_params
        return json_response(await do(command, command.arguments(given)), command.status)

    return endpoint


async def json_body(request: Request, *, bytes_max: int = _BODY_BYTES_MAX) -> dict[str, Any]:
    """The JSON object of a write.

    Raises:
        InputError: it is none, or not said to be JSON.
        TooLarge: it has more bytes.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise InputError("a write is Content-Type: application/json")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > bytes_max:
            raise TooLarge(f"a request has at most {bytes_max} bytes")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InputError(f"the request is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InputError('a write is a JSON object, for example {"service": "checkout", "version": "v42"}')
    return value


def openapi_document() -> dict[str, Any]:
    """OpenAPI 3.1 of everything under /api/v1, made from the tables of questions and commands."""
    paths: dict[str, Any] = {}
    for question in QUESTIONS:
        parameters = [
            {
                "name": parameter.name,
                "in": "path" if f"{{{parameter.name}}}" in question.path else "query",
                "required": parameter.required,
                "description": parameter.description,
                "schema": {"type": parameter.type}
                | ({"default": parameter.default} if parameter.default not in (None, "") else {}),
            }
            for parameter in question.parameters
        ]
        paths[f"/api/v1{question.path}"] = {
            "get": {
                "operationId": question.name,
                "summary": question.summary,
                "parameters": parameters,
                "responses": _RESPONSES,
            }
        }
    for command in (*COMMANDS, *GUARD_COMMANDS):
        paths.setdefault(f"/api/v1{command.path}", {})["post"] = _operation(command)
    info = {"title": "Flyball", "version": __version__}
    return {"openapi": "3.1.0", "info": info, "paths": paths}


def _operation(command: Command) -> dict[str, Any]:
    inside = [name for name in command.fields if f"{{{name}}}" in command.path]
    body = {name: text for name, text in command.fields.items() if name not in inside}
    schema = {
        "type": "object",
        "required": [name for name in command.required if name not in inside],
        "properties": {name: {"type": "string", "description": text} for name, text in body.items()},
    }
    token = " It needs the operator's token." if command in GUARD_COMMANDS else ""
    return {
        "operationId": command.name,
        "summary": command.summary + token,
        "parameters": [
            {
                "name": n,
                "in": "path",
                "required": True,
                "description": command.fields[n],
                "schema": {"type": "string"},
            }
            for n in inside
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {
            str(command.status): {"description": command.answer, "content": {"application/json": {}}},
            "400": _RESPONSES["400"],
            "404": _RESPONSES["404"],
        },
    }


_RESPONSES = {
    "200": {"description": "The view that answers", "content": {"application/json": {}}},
    "400": {"description": 'An argument is wrong: {"error": "one sentence"}'},
    "404": {"description": "The id does not resolve"},
    "503": {"description": "A store failed; ask again"},
}
