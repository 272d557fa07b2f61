"""How commands reach the server: HTTP to one address, errors as ours."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import httpx

from flyball.cli.address import server_url
from flyball.errors import (
    FlyballError,
    Forbidden,
    InputError,
    NotFound,
    Overloaded,
    ServerUnreachable,
    StoreError,
)

__all__ = ["call", "server_url", "unreachable"]

_SECONDS_MAX = 30.0


def call(
    method: str,
    url: str,
    path: str,
    *,
    query: Mapping[str, Any] | None = None,
    body: Any = None,
    token: str = "",
) -> Any:
    """The JSON that the server answers with; `token` is presented instead of $FLYBALL_TOKEN.

    Raises:
        ServerUnreachable: nobody answers there.
        FlyballError: what the server refuses, with its own sentence; or it is no Flyball server.
    """
    token = token or os.environ.get("FLYBALL_TOKEN", "")
    headers = {"authorization": f"Bearer {token}"} if token else {}
    given = {name: value for name, value in (query or {}).items() if value is not None}
    try:
        answer = httpx.request(
            method,
            f"{url}{path}",
            params=given,
            json=body,
            headers=headers,
            timeout=_SECONDS_MAX,
            trust_env=False,
        )
    except httpx.ReadTimeout as error:
        raise ServerUnreachable(
            f"the server at {url} did not answer within {_SECONDS_MAX:g} s; what was asked may still be done"
        ) from error
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise unreachable(url) from error
    if not answer.is_success:
        raise _error(answer)
    try:
        return answer.json()
    except ValueError as error:
        raise FlyballError(f"what answers at {url} is no Flyball server") from error


def unreachable(url: str) -> ServerUnreachable:
    """The error that says how to start a server."""
    return ServerUnreachable(
        f"no Flyball server answers at {url}; start one with `flyball up` (or name another with --server)"
    )


def _error(answer: httpx.Response) -> FlyballError:
    try:
        text = str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        text = f"the server answered {answer.status_code}: {answer.text[:200]}"
    kinds: dict[int, type[FlyballError]] = {
        400: InputError,
        413: InputError,
        403: Forbidden,
        404: NotFound,
        503: StoreError,
    }
    if answer.status_code == int(httpx.codes.TOO_MANY_REQUESTS):
        return Overloaded(text)
    return kinds.get(answer.status_code, FlyballError)(text)
