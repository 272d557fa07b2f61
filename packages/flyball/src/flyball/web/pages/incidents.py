"""`/incidents` and `/incidents/{id}`: what needs somebody; why it happened and what to do."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from flyball.component.respond import json_response
from flyball.queries.incidents import get_incident
from flyball.queries.ports import Ports
from flyball.queries.questions import QUESTIONS
from flyball.web.render import render

_LIST = next(question for question in QUESTIONS if question.name == "list_incidents")


async def incidents_page(request: Request, ports: Ports) -> Response:
    """Every incident on a row, those that go on first; `/incidents.json` is its twin."""
    known = {parameter.name for parameter in _LIST.parameters}
    asked = {name: value for name, value in request.query_params.items() if name in known}
    view = await _LIST.answer(ports, asked)
    if request.url.path.endswith(".json"):
        return json_response(view)
    return render("incidents.html", view=view, state=asked.get("state", ""), now=ports.now())


async def incident_page(request: Request, ports: Ports) -> Response:
    """One incident: cause, first step, hypotheses with their evidence, history; its twin ends in `.json`."""
    view = await get_incident(ports, incident_id=request.path_params["id"].removesuffix(".json"))
    if request.url.path.endswith(".json"):
        return json_response(view)
    return render("incident.html", view=view, now=ports.now())
