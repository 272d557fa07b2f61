"""`/runs` and `/runs/{id}`: what agents did, what it cost, what went wrong; each step where it stood in time.

What an agent was given or said is shown as text, cut: nothing of it is a link or an image.
"""

from __future__ import annotations

from flyball_sdk.guard.words import visible
from starlette.requests import Request
from starlette.responses import Response

from flyball.component.respond import json_response
from flyball.queries.ports import Ports
from flyball.queries.questions import QUESTIONS
from flyball.queries.run import get_run
from flyball.queries.run_budgets import run_budgets
from flyball.queries.run_costs import run_costs
from flyball.queries.what_happened import what_happened
from flyball.web.render import render

_LIST = next(question for question in QUESTIONS if question.name == "list_runs")
_DAYS = 14


async def runs_page(request: Request, ports: Ports) -> Response:
    """Every run on a row, the newest first; cost by day and budgets beside; `/runs.json` is its twin."""
    known = {parameter.name for parameter in _LIST.parameters}
    asked = {name: value for name, value in request.query_params.items() if name in known}
    view = await _LIST.answer(ports, asked)
    costs = await run_costs(ports, agent=asked.get("agent"), since=f"{_DAYS}d")
    budgets = await run_budgets(ports)
    if request.url.path.endswith(".json"):
        return json_response({"runs": view, "costs": costs, "budgets": budgets})
    return render(
        "runs.html",
        view=view,
        costs=costs,
        budgets=budgets.budgets,
        asked=asked,
        now=ports.now(),
        visible=visible,
        days=_DAYS,
    )


async def run_page(request: Request, ports: Ports) -> Response:
    """One run: a tree over time; its twin ends in `.json`."""
    view = await get_run(ports, run_id=request.path_params["id"].removesuffix(".json"))
    if request.url.path.endswith(".json"):
        return json_response(view)
    whole = max((node.at_ms + node.ms for node in view.nodes), default=0.0) or 1.0
    happened = await what_happened(ports, run_id=view.run.run_id) if view.nodes else None
    return render("run.html", view=view, whole=whole, happened=happened, now=ports.now(), visible=visible)
