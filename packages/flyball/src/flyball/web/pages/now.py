"""`/`: is anything new, and since when."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from flyball.component.respond import json_response
from flyball.queries.overview import overview
from flyball.queries.ports import Ports
from flyball.web.render import render


async def now_page(request: Request, ports: Ports) -> Response:
    """Services by change, patterns with their change, deploy marks; `/index.json` is its twin."""
    period = request.query_params.get("since") or "1h"
    view = await overview(ports, since=period)
    if request.url.path.endswith(".json"):
        return json_response(view)
    return render("now.html", view=view, now=ports.now(), period=period, base_url=ports.base_url)
