"""Views and errors as HTTP answers; the one place where JSON is written."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from flyball.errors import FlyballError, Forbidden, InputError, NotFound, Overloaded, StoreError, TooLarge

_log = logging.getLogger(__name__)


def to_json(view: Any) -> bytes:
    """A view as JSON: times as RFC 3339 UTC, unknown numbers as null, sets in order."""
    return orjson.dumps(view, default=_listed, option=orjson.OPT_UTC_Z | orjson.OPT_SERIALIZE_NUMPY)


def json_response(view: Any, status: int = 200) -> Response:
    """A view as an answer that no cache keeps."""
    headers = {"cache-control": "no-store"}
    return Response(to_json(view), status_code=status, media_type="application/json", headers=headers)


def error_response(error: FlyballError) -> Response:
    """The error's sentence under the status that its kind has."""
    response = json_response({"error": str(error)}, status_of(error))
    if isinstance(error, Overloaded):
        response.headers["retry-after"] = str(error.retry_after_s)
    return response


def status_of(error: FlyballError) -> int:
    """The HTTP status of an error; the tree is in flyball/errors.py."""
    for kind, status in (
        (TooLarge, 413),
        (InputError, 400),
        (NotFound, 404),
        (Forbidden, 403),
        (Overloaded, 429),
        (StoreError, 503),
    ):
        if isinstance(error, kind):
            return status
    return 500


Endpoint = Callable[[Request], Awaitable[Response]]


def answering(endpoint: Endpoint) -> Endpoint:
    """The endpoint, with errors as answers: ours as their sentence, a defect as 500 with its trace in the log."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except FlyballError as error:
            return error_response(error)
        except Exception:  # noqa: BLE001 - the edge of a request: recorded, and the server goes on
            _log.exception("%s %s failed", request.method, request.url.path)
            return json_response({"error": "Flyball made a mistake; its log says more"}, 500)

    return answer


def _listed(value: Any) -> list[str]:
    if isinstance(value, frozenset):
        return sorted(str(one) for one in value)
    raise TypeError(f"a view holds no {type(value).__name__}")
