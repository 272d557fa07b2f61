"""`/pipeline`: can this picture be trusted."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from flyball.component.respond import json_response
from flyball.queries.pipeline import Pipeline
from flyball.web.render import render


async def pipeline_page(request: Request, pipeline: Callable[[], Pipeline]) -> Response:
    """Every stage with what came, went, was dropped, waits and failed; `/pipeline.json` is its twin."""
    view = pipeline()
    if request.url.path.endswith(".json"):
        return json_response(view)
    return render("pipeline.html", view=view)
