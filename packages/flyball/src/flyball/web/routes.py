"""The pages' routes; each page is also served as JSON under the same name with `.json`."""

from __future__ import annotations

import importlib.resources
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from flyball.component.respond import answering, json_response, status_of
from flyball.errors import FlyballError
from flyball.queries.pipeline import Pipeline
from flyball.queries.ports import Ports
from flyball.web.pages.evidence import evidence_page
from flyball.web.pages.incidents import incident_page, incidents_page
from flyball.web.pages.now import now_page
from flyball.web.pages.pipeline import pipeline_page
from flyball.web.pages.runs import run_page, runs_page
from flyball.web.render import render

Page = Callable[[Request, Ports], Awaitable[Response]]
_PATH_CHARS_MAX = 100


def web_routes(ports: Ports, *, pipeline: Callable[[], Pipeline]) -> list[Route | Mount]:
    """The routes of every page and of the style sheet; `pipeline` tells the state of every stage."""

    def page(show: Page) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            if request.url.path.endswith(".json"):
                return await answering(lambda asked: show(asked, ports))(request)
            try:
                return await show(request, ports)
            except FlyballError as error:
                return _not_shown(str(error), status_of(error))

        return endpoint

    async def stages(request: Request, _: Ports) -> Response:
        return await pipeline_page(request, pipeline)

    async def favicon(_: Request) -> Response:
        return RedirectResponse("/static/icon.svg", 301)

    static = importlib.resources.files("flyball.web") / "static"
    return [
        Route("/", page(now_page)),
        Route("/index.json", page(now_page)),
        Route("/evidence/{id}", page(evidence_page)),
        Route("/incidents", page(incidents_page)),
        Route("/incidents.json", page(incidents_page)),
        Route("/incidents/{id}", page(incident_page)),
        Route("/runs", page(runs_page)),
        Route("/runs.json", page(runs_page)),
        Route("/runs/{id}", page(run_page)),
        Route("/pipeline", page(stages)),
        Route("/pipeline.json", page(stages)),
        Route("/favicon.ico", favicon),
        Mount("/static", StaticFiles(directory=str(static))),
    ]


async def not_routed(request: Request, error: Exception) -> Response:
    """An address or a method that nothing answers: one sentence, as JSON for programs and as a page for people."""
    if not isinstance(error, HTTPException):
        raise error
    path = request.url.path[:_PATH_CHARS_MAX]
    wrong_method = error.status_code == HTTPStatus.METHOD_NOT_ALLOWED
    sentence = f"{path!r} takes no {request.method}" if wrong_method else f"there is nothing at {path!r}"
    for_people = "text/html" in request.headers.get("accept", "") and not path.endswith(".json")
    if for_people and not path.startswith("/api/"):
        response = _not_shown(sentence, error.status_code)
    else:
        response = json_response({"error": sentence}, error.status_code)
    response.headers.update(error.headers or {})
    return response


def _not_shown(message: str, status: int) -> Response:
    response = render("error.html", message=message)
    response.status_code = status
    return response
