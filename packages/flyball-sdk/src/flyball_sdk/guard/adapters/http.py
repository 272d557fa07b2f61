"""Tools that make an HTTP request: where to, with what."""

from __future__ import annotations

import json
from typing import Any

from flyball_sdk.guard.adapters.reading import Reading, unread
from flyball_sdk.guard.effect import Effect
from flyball_sdk.guard.effects.hosts import host_of, kind_of, shown
from flyball_sdk.guard.effects.iac import first_known
from flyball_sdk.guard.scene import Scene

_BODIES = ("body", "data", "json", "payload", "content", "form", "params", "files")


def http(scene: Scene) -> Reading:
    """The request of `url`, `method`, `body`: inside, to metadata, deleting, or carrying data out."""
    tool_input = scene.call.tool_input
    url = next(
        (
            str(tool_input[name])
            for name in ("url", "uri", "endpoint", "href", "link")
            if isinstance(tool_input.get(name), str)
        ),
        "",
    )
    if not url:
        return unread("a request without an address")
    method = str(tool_input.get("method", "")).upper()
    body = next((tool_input[name] for name in _BODIES if tool_input.get(name)), None)
    return Reading(list(request(url, method or ("POST" if body is not None else "GET"), body, scene)))


def request(url: str, method: str, body: Any, scene: Scene) -> list[Effect]:
    """The effects of one request of a tool."""
    host = host_of(url)
    kind = kind_of(host)
    attributes = {"host": host, "kind": kind, "method": method, "tool": True}
    effects: list[Effect] = []
    if (
        kind == "metadata"
        or kind in ("loopback", "inside")
        or url.partition(":")[0].lower() in ("file", "gopher", "dict", "ftp", "ldap", "jar")
    ):
        odd = url.partition(":")[0].lower() if "://" in url else ""
        effects.append(Effect("net.internal", shown(url), attributes | {"scheme": odd}, found_in="url"))
    if method == "DELETE":
        effects.append(
            Effect(
                "service.delete",
                shown(url),
                attributes | {"verb": method, "by": "http"},
                first_known((("host", host), ("path", url)), scene),
                found_in="url",
            )
        )
    if body is not None or method in ("POST", "PUT", "PATCH"):
        size = (
            len(body)
            if isinstance(body, str)
            else len(json.dumps(body, default=str))
            if body is not None
            else 0
        )
        effects.append(
            Effect("net.egress", shown(url), attributes | {"files": (), "bytes": size}, found_in="url")
        )
    else:
        effects.append(Effect("net.fetch", shown(url), attributes, found_in="url"))
    return effects


TOOLS = dict.fromkeys(
    (
        "WebFetch",
        "fetch",
        "http_request",
        "http",
        "requests",
        "web_fetch",
        "fetch_url",
        "http_get",
        "http_post",
        "browser_navigate",
        "navigate",
    ),
    http,
)
