"""`/evidence/{id}`: the fact that a finding cites, and whether it holds when asked again."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from flyball.component.respond import json_response
from flyball.queries.evidence import get_evidence
from flyball.queries.ports import Ports
from flyball.web.render import render

_LABELS = {
    "before_count": "before: records that count for the finding",
    "before_of": "before: all records of the signal",
    "after_count": "after: records that count for the finding",
    "after_of": "after: all records of the signal",
    "examined": "records that were read on this surface",
    "matched": "records that tell of it",
}
_MOMENTS = ("before_from", "before_to", "after_from", "after_to")
"""Parameters that are seconds since 1970."""


async def evidence_page(request: Request, ports: Ports) -> Response:
    """One piece of evidence: query, parameters, numbers, exemplars."""
    view = await get_evidence(ports, evidence_id=request.path_params["id"].removesuffix(".json"))
    if request.url.path.endswith(".json"):
        return json_response(view)
    return render("evidence.html", view=view, labels=_LABELS, moments=_MOMENTS)
