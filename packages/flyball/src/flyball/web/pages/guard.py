"""`/guard`: is the wall on, what waits for me, what was stopped; approving takes a signed-in browser.

Forms are answered by a redirect to the page; each carries the browser's second secret (design rule 4).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from flyball_sdk.guard.words import visible
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from flyball.commands.guard_acts import DECIDE, SETTLE, GuardActs
from flyball.component.respond import answering, json_response, status_of
from flyball.errors import FlyballError, Forbidden, InputError, TooLarge
from flyball.guard.browsers import COOKIE, SESSION_SECONDS, Browsers
from flyball.guard.keys import Keys
from flyball.guard.whole import whole_call
from flyball.queries.guard import guard_approvals, guard_status
from flyball.queries.guard_decisions import guard_decisions
from flyball.queries.guard_proposals import guard_proposals
from flyball.queries.ports import Ports
from flyball.web.render import render

_FORM_BYTES_MAX = 16_384
_STOPPED_MAX = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardPages:
    """The page and what its forms do."""

    ports: Ports
    acts: GuardActs
    browsers: Browsers
    keys: Keys

    def routes(self) -> list[Route]:
        """The routes of the page and of its forms."""
        return [
            Route("/guard", _for_people(self._page)),
            Route("/guard.json", answering(self._page)),
            Route("/guard/sign-in", _for_people(self._sign_in), methods=["POST"]),
            Route("/guard/enter", _for_people(self._enter)),
            Route("/guard/sign-out", _for_people(self._sign_out), methods=["POST"]),
            Route("/guard/approvals/{id}", _for_people(self._decide), methods=["POST"]),
            Route("/guard/proposals", _for_people(self._proposals)),
            Route("/guard/proposals.json", answering(self._proposals)),
            Route("/guard/proposals/{id}", _for_people(self._settle), methods=["POST"]),
        ]

    def _now(self) -> float:
        return self.acts.wall.now()

    async def _page(self, request: Request) -> Response:
        view = {
            "status": await guard_status(self.ports),
            "approvals": (await guard_approvals(self.ports)).approvals,
            "stopped": (await guard_decisions(self.ports, action="stopped", limit=_STOPPED_MAX)).decisions,
        }
        if request.url.path.endswith(".json"):
            return json_response(view)
        browser = self.browsers.of(_cookie(request), self._now())
        return render(
            "guard.html",
            view=view,
            now=self.ports.now(),
            csrf=browser.csrf if browser else "",
            lines=whole_call,
            visible=visible,
        )

    async def _sign_in(self, request: Request) -> Response:
        form = await _form(request)
        if not self.keys.is_operator(form.get("token", "").strip()):
            raise Forbidden("that is not the operator's token; DATA/guard/operator.token holds it")
        return _signed_in(self.browsers.sign_in(self._now()))

    async def _enter(self, request: Request) -> Response:
        cookie = self.browsers.enter(request.query_params.get("code", ""), self._now())
        if cookie is None:
            raise Forbidden("this link was used already or is too old: `flyball guard open` prints another")
        return _signed_in(cookie)

    async def _decide(self, request: Request) -> Response:
        form = await _form(request)
        if not self._may_write(request, form):
            raise Forbidden("sign in on the guard's page first: `flyball guard open` prints a link")
        given = {"id": request.path_params["id"], "verdict": form.get("verdict", ""), "by": "operator (page)"}
        await self.acts.do(DECIDE, DECIDE.arguments(given))
        return RedirectResponse("/guard", 303)

    async def _proposals(self, request: Request) -> Response:
        view = await guard_proposals(self.ports, state=request.query_params.get("state"))
        if request.url.path.endswith(".json"):
            return json_response(view)
        browser = self.browsers.of(_cookie(request), self._now())
        csrf = browser.csrf if browser else ""
        return render("proposals.html", view=view, now=self.ports.now(), csrf=csrf, visible=visible)

    async def _settle(self, request: Request) -> Response:
        form = await _form(request)
        if not self._may_write(request, form):
            raise Forbidden("sign in on the guard's page first: `flyball guard open` prints a link")
        given = {"id": request.path_params["id"], "verdict": form.get("verdict", ""), "by": "operator (page)"}
        if form.get("rule", "").strip():
            given["rule"] = form["rule"]
        await self.acts.do(SETTLE, SETTLE.arguments(given))
        return RedirectResponse("/guard/proposals", 303)

    async def _sign_out(self, request: Request) -> Response:
        if self._may_write(request, await _form(request)):
            self.browsers.sign_out(_cookie(request))
        return RedirectResponse("/guard", 303)

    def _may_write(self, request: Request, form: Mapping[str, str]) -> bool:
        return self.browsers.may_write(_cookie(request), form.get("csrf", ""), self._now())


def _for_people(
    endpoint: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except FlyballError as error:
            response = render("error.html", message=str(error))
            response.status_code = status_of(error)
            return response

    return answer


async def _form(request: Request) -> Mapping[str, str]:
    """The fields of a form.

    Raises:
        InputError: it is none, or a field comes twice.
        TooLarge: it has more bytes than any form of ours.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _FORM_BYTES_MAX:
            raise TooLarge(f"a form has at most {_FORM_BYTES_MAX} bytes")
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise InputError("a form is application/x-www-form-urlencoded")
    try:
        fields = parse_qs(body.decode(), max_num_fields=16)
    except ValueError as error:
        raise InputError("this is no form") from error
    if any(len(values) > 1 for values in fields.values()):
        raise InputError("a field of a form comes once")
    return {name: values[0] for name, values in fields.items()}


def _cookie(request: Request) -> str:
    return request.cookies.get(COOKIE, "")


def _signed_in(cookie: str) -> Response:
    response = RedirectResponse("/guard", 303)
    response.set_cookie(
        COOKIE, cookie, max_age=int(SESSION_SECONDS), path="/guard", httponly=True, samesite="strict"
    )
    return response
