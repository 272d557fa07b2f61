"""`/evidence/{id}`: the fact that a finding cites, and whether it holds when asked again."""

from __future__ import annotations

import orjson
from starlette.requests import Request
from starlette.responses import Response

from flyball.component.respond import json_response, to_json
from flyball.queries.evidence import get_evidence
from flyball.queries.ports import Ports
from flyball.web.render import render


async def evidence_page(request: Request, ports: Ports) -> Response:
    """One piece of evidence: query, parameters, numbers, exemplars."""
    view = await get_evidence(ports, evidence_id=request.path_params["id"].removesuffix(".json"))
    if request.url.path.endswith(".json"):
        return json_response(view)
    text = orjson.dumps(orjson.loads(to_json(view)), option=orjson.OPT_INDENT_2).decode()
    return render("evidence.html", view=view, text=text)
