"""The REST routes: one per question, the record of a change, health, and the OpenAPI of it all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from flyball import __version__
from flyball.component.respond import answering, json_response
from flyball.errors import InputError
from flyball.model.change import Change, ChangeKind
from flyball.model.incident import Incident
from flyball.queries.incidents import row_of
from flyball.queries.periods import moment
from flyball.queries.ports import Ports
from flyball.queries.questions import QUESTIONS, Question

_BODY_BYTES_MAX = 64 * 1024
_CHANGE_FIELDS = {
    "service": "`service.name` of what was deployed",
    "version": "`service.version` that runs from then on",
    "environment": "`deployment.environment.name`, for example prod",
    "kind": "deploy (the default), rollback, config, flag or migration",
    "what": "what a config, flag or migration changed, for example pool_size 20 -> 5",
    "commit": "the commit it was built from",
    "author": "who wrote it",
    "message": "the commit's message; its trailers tell whether a human or an agent wrote it",
    "url": "where to read more, an http(s) address",
    "time": "when it happened, RFC 3339 or how long ago (5m); now if absent",
}
_DECISION_FIELDS = {
    "decision": "close, reopen, mute (until it differs) or unmute",
    "by": "who decided it",
}

Announce = Callable[..., Awaitable[Change]]
Decide = Callable[..., Awaitable[Incident]]
Status = Callable[[], Mapping[str, Any]]


def rest_routes(ports: Ports, *, announce: Announce, decide: Decide, status: Status) -> list[Route]:
    """The routes; `announce` records a change, `decide` what becomes of an incident, `status` tells the pipeline's state."""

    async def healthz(_: Request) -> Response:
        state = status()
        return json_response(state, 503 if state["trouble"] else 200)

    async def post_change(request: Request) -> Response:
        change = await announce(**_change_arguments(await _json_body(request), ports.now()))
        return json_response(change, 201)

    async def post_incident(request: Request) -> Response:
        told = _texts(await _json_body(request), _DECISION_FIELDS, "a decision")
        incident = await decide(incident_id=request.path_params["id"], **{"decision": "", **told})
        return json_response(row_of(incident))

    async def openapi(_: Request) -> Response:
        return json_response(openapi_document())

    return [
        Route("/healthz", answering(healthz)),
        Route("/api/v1/openapi.json", answering(openapi)),
        Route("/api/v1/changes", answering(post_change), methods=["POST"]),
        Route("/api/v1/incidents/{id}", answering(post_incident), methods=["POST"]),
        *(Route(f"/api/v1{question.path}", answering(_endpoint(question, ports))) for question in QUESTIONS),
    ]


def _endpoint(question: Question, ports: Ports) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        arguments = dict(request.query_params) | request.path_params
        return json_response(await question.answer(ports, arguments))

    return endpoint


async def _json_body(request: Request) -> dict[str, Any]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise InputError("a write is Content-Type: application/json")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_BYTES_MAX:
            raise InputError(f"a request has at most {_BODY_BYTES_MAX} bytes")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InputError(f"the request is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InputError('a write is a JSON object, for example {"service": "checkout", "version": "v42"}')
    return value


def _texts(body: dict[str, Any], fields: Mapping[str, str], what: str) -> dict[str, Any]:
    """The fields that were given; each is text, and one that there is."""
    for name, value in body.items():
        if name not in fields:
            raise InputError(f"{what} has no field {name!r}; it has {', '.join(sorted(fields))}")
        if value is not None and not isinstance(value, str):
            raise InputError(f"{name} is text, this is {type(value).__name__}")
    return {name: value for name, value in body.items() if value}


def _change_arguments(body: dict[str, Any], now: datetime) -> dict[str, Any]:
    arguments = _texts(body, _CHANGE_FIELDS, "a change")
    if "kind" in arguments:
        try:
            arguments["kind"] = ChangeKind(arguments["kind"])
        except ValueError as error:
            kinds = ", ".join(kind.value for kind in ChangeKind)
            raise InputError(f"kind is one of {kinds}, this is {arguments['kind'][:64]!r}") from error
    if "time" in arguments:
        arguments["time"] = moment(arguments["time"], now)
    return {"service": "", "version": "", **arguments}


def openapi_document() -> dict[str, Any]:
    """OpenAPI 3.1 of everything under /api/v1, made from the table of questions."""
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
    properties = {name: {"type": "string", "description": text} for name, text in _CHANGE_FIELDS.items()}
    schema = {"type": "object", "required": ["service"], "properties": properties}
    paths["/api/v1/changes"]["post"] = {
        "operationId": "record_change",
        "summary": "Record a change; a deploy seen in telemetry within 15 minutes is the same change.",
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {"201": {"description": "The change as recorded"}, "400": _RESPONSES["400"]},
    }
    decided = {name: {"type": "string", "description": text} for name, text in _DECISION_FIELDS.items()}
    decision = {"type": "object", "required": ["decision"], "properties": decided}
    paths["/api/v1/incidents/{id}"]["post"] = {
        "operationId": "decide_incident",
        "summary": "Close an incident, open it again, mute it until it differs, or unmute it.",
        "requestBody": {"required": True, "content": {"application/json": {"schema": decision}}},
        "responses": {"200": {"description": "The incident on a line"}, "404": _RESPONSES["404"]},
    }
    info = {"title": "Flyball", "version": __version__}
    return {"openapi": "3.1.0", "info": info, "paths": paths}


_RESPONSES = {
    "200": {"description": "The view that answers", "content": {"application/json": {}}},
    "400": {"description": 'An argument is wrong: {"error": "one sentence"}'},
    "404": {"description": "The id does not resolve"},
    "503": {"description": "A store failed; ask again"},
}
