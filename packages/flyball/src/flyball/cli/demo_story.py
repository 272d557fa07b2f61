"""The story of `flyball demo`: a bad deploy, its cause, the fix, the verdict; then an agent at work, and the wall.

Everything is real and stands on the shipped defaults: a `flyball up` of its own on a folder that is thrown away,
five instrumented services under load, and only the public API in between. The demo waits and asks; it has no
threshold, window, clock or history of its own, and no finding is treated specially.
"""

from __future__ import annotations

import importlib.util
import signal
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson

from flyball.cli.demo_children import DemoFailed, DeployAgent, Server, Shop, guard_policy
from flyball.cli.demo_screen import Screen

BASELINE_S = 25.0
"""How long the healthy release runs before the deploy."""
ANSWER_MAX_S = 30.0
"""How long the demo asks what is new; a deploy that changes nothing is asked about for all of it."""
REPAIR_S = 12.0
"""How long the fix takes to be written: the bad release runs on meanwhile, as it would."""
VERDICT_MAX_S = 45.0
INCIDENT_MAX_S = 20.0
"""How long an incident is waited for after the answer: it opens by itself."""
RESOLVED_MAX_S = 60.0
"""How long it is waited for after the verdict: it resolves itself when it was quiet for long enough."""
ASK_EVERY_S = 1.0
CALL_MAX_S = 10.0

_SERVICE, _AGENT = "checkout", "deploy-agent"
_UNDECIDED = "not enough data"
SHOP_NEEDS = "opentelemetry.exporter.otlp.proto.http", "opentelemetry.instrumentation.logging"

View = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What `--json` prints; `seconds_to_answer` runs from the announcement of the deploy.

    `incident` is what opened by itself: cause, first step, whether it was resolved, and what is remembered of it. `agent` is
    the second act: a run that the wall stopped, the decisions that did, and the rule that is proposed with its back-test.
    """

    findings: Sequence[View]
    verdict: str | None
    seconds_to_answer: float
    incident: View | None
    agent: View | None


def tell(
    show: Callable[[Outcome], None], *, quiet: bool, once: bool, no_fix: bool, no_fault: bool
) -> Outcome:
    """Run the demo; `show` gets the outcome as soon as it is there, before a person looks at the page.

    Args:
        show: what is done with the outcome.
        quiet: the story goes to standard error, so that standard output is the caller's.
        once: end after the verdict instead of waiting for Ctrl-C.
        no_fix: the third version repairs nothing.
        no_fault: the deploy changes nothing.

    Raises:
        DemoFailed: a process of the demo ended or did not answer.
        KeyboardInterrupt: Ctrl-C or SIGTERM before the outcome.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # these stop the demo as Ctrl-C does
    require_shop()
    with ExitStack() as stack:
        run = _start(stack, Screen(to_stderr=quiet))
        outcome = _story(run, no_fix=no_fix, no_fault=no_fault)
        show(outcome)
        if not once:
            _stay(run)
    return outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What runs, and how to ask it."""

    server: Server
    shop: Shop
    api: httpx.Client
    screen: Screen
    releases: Mapping[str, str]
    folder: Path
    stack: ExitStack


def _start(stack: ExitStack, screen: Screen) -> _Run:
    screen.title()
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flyball-demo-")))
    guard_policy(folder)
    with screen.waiting("starting Flyball"):
        server = Server.start(folder)
        stack.callback(server.stop)
        # no proxy of the environment stands between two processes of this machine
        api = stack.enter_context(httpx.Client(base_url=server.address, timeout=CALL_MAX_S, trust_env=False))
        server.await_ready(api)
    screen.stage(f"Flyball is up at {server.address}/")
    with screen.waiting("opening the shop"):
        shop = Shop.start(server.otlp, folder)
        stack.callback(shop.stop)
        releases = shop.opened()["releases"]
    screen.stage("The shop is open: five services, 30 requests a second, checkout v1")
    return _Run(
        server=server, shop=shop, api=api, screen=screen, releases=releases, folder=folder, stack=stack
    )


def _story(run: _Run, *, no_fix: bool, no_fault: bool) -> Outcome:
    with run.screen.waiting("letting the healthy version run"):
        time.sleep(BASELINE_S)
    announced = time.monotonic()
    bad = _deploy(run, release="v1" if no_fault else "v2", version="v2")
    run.screen.stage("checkout v2 is deployed" + (", the same code as v1" if no_fault else ""))
    with run.screen.waiting("asking what is new since that deploy"):
        answer = _ask_until(run, "/api/v1/whats-new", {"since": bad}, settled(), within_s=ANSWER_MAX_S)
    seconds = round(time.monotonic() - announced, 1)
    findings: Sequence[View] = answer["findings"]
    run.screen.findings(answer, seconds=seconds, address=run.server.address)
    verdict = None
    # at work beside the rest of the story, which mostly waits; it is told of at the end
    worker = DeployAgent.start(run.server.otlp, run.server.address, run.folder)
    run.stack.callback(worker.stop)
    incident = _incident(run, within_s=INCIDENT_MAX_S if findings and not no_fault else ASK_EVERY_S)
    if findings and not no_fault:
        with run.screen.waiting("writing a fix; the bad version runs on"):
            time.sleep(REPAIR_S)
        fix = _deploy(run, release="v2" if no_fix else "v3", version="v3")
        run.screen.stage("checkout v3 is deployed" + (", it repairs nothing" if no_fix else ", the fix"))
        with run.screen.waiting("asking whether the fix worked"):
            reply = _ask_until(run, "/api/v1/verify", {"change": fix}, decided, within_s=VERDICT_MAX_S)
        verdict = str(reply["verdict"])
        run.screen.verdict(reply)
        if incident and not no_fix:
            incident = _resolved(run, incident)
    return Outcome(
        findings=[_row(each) for each in findings],
        verdict=verdict,
        seconds_to_answer=seconds,
        incident=_told(incident) if incident else None,
        agent=_agent(run, worker),
    )


def _agent(run: _Run, worker: DeployAgent) -> View | None:
    """The second act: an agent that applies to production in disguise, and what the wall makes of it."""
    run.screen.act("An agent deploys the shop; the wall stands at its tool call")
    with run.screen.waiting("letting the agent work"):
        blocked = worker.worked()
    stopped = [
        row
        for row in _answer(
            run, run.api.get("/api/v1/guard/decisions", params={"agent": _AGENT, "action": "stopped"})
        )["decisions"]
        if row["id"] in blocked
    ]
    stopped.sort(key=lambda row: row["t"])
    with run.screen.waiting("asking what the guard would learn"):
        proposed = _ask_until(
            run, "/api/v1/guard/proposals", {}, lambda answer: bool(answer["proposals"]), within_s=CALL_MAX_S
        )["proposals"]
    run.screen.blocked(stopped, address=run.server.address)
    run.screen.proposal(proposed, address=run.server.address)
    if not stopped:
        return None
    kept = ("id", "reason", "rules", "call", "effects", "trace_id")
    first = proposed[0] if proposed else None
    return {
        "run": stopped[0].get("trace_id"),
        "blocked": [{name: row.get(name) for name in kept} for row in stopped],
        "proposal": {
            "rule": first["text"],
            "backtest": first["backtest"],
            **{n: first[n] for n in ("id", "title", "support", "warning")},
        }
        if first
        else None,
    }


def _incident(run: _Run, *, within_s: float) -> View | None:
    """The incident that opened by itself, diagnosed; None where none did in time, as it should be without a fault."""
    with run.screen.waiting("waiting for the incident to be explained"):
        listed = _ask_until(
            run,
            "/api/v1/incidents",
            {"state": "active"},
            lambda answer: bool(answer["incidents"]),
            within_s=within_s,
        )
    if not listed["incidents"]:
        return None
    incident = _answer(run, run.api.get(f"/api/v1/incidents/{listed['incidents'][0]['id']}"))
    run.screen.incident(incident, address=run.server.address)
    return incident


def _resolved(run: _Run, incident: View) -> View:
    """The incident when evidence says that it stopped."""
    path = f"/api/v1/incidents/{incident['incident']['id']}"
    with run.screen.waiting("waiting for the incident to resolve itself"):
        after = _ask_until(
            run, path, {}, lambda answer: answer["incident"]["state"] == "resolved", within_s=RESOLVED_MAX_S
        )
    run.screen.resolved(after)
    return after


def _told(incident: View) -> View:
    """The incident as `--json` prints it."""
    row = incident["incident"]
    kept = {key: row[key] for key in ("id", "title", "state", "cause", "object", "confidence")}
    step = incident["first_step"]
    return {
        **kept,
        "first_step": step["text"] if step else None,
        "suspect": incident["suspect"]["id"] if incident["suspect"] else None,
        "resolved_by": incident["resolved_by"]["id"] if incident["resolved_by"] else None,
        "ruled_out": len(incident["ruled_out"]),
        "evidence": sorted({id_ for claim in incident["claims"] for id_ in claim["evidence"]}),
    }


def _row(finding: View) -> View:
    """A finding as `--json` prints it."""
    kept = ("kind", "service", "template", "count", "first_seen")
    rest = {"change": finding["change_id"], "evidence": finding["evidence"]}
    return {**{key: finding[key] for key in kept}, **rest}


def _stay(run: _Run) -> None:
    """Keep everything running until Ctrl-C, so that the page can be opened."""
    run.screen.open_page(run.server.address)
    try:
        while run.server.alive:
            time.sleep(0.5)
    except KeyboardInterrupt:
        run.screen.say("stopping")
        return
    raise run.server.child.failed("ended")


def _deploy(run: _Run, *, release: str, version: str) -> str:
    """Announce the deploy, as a pipeline would, then do it; returns the change's id."""
    announcement = {
        "service": _SERVICE,
        "version": version,
        "environment": run.shop.environment,
        "kind": "deploy",
        "commit": run.releases[release],
    }
    change_id = str(_answer(run, run.api.post("/api/v1/changes", json=announcement))["id"])
    run.shop.deploy(release, version)
    return change_id


def _ask_until(
    run: _Run,
    path: str,
    question: Mapping[str, str],
    enough: Callable[[View], bool],
    *,
    within_s: float,
) -> View:
    """Ask until the answer is enough or the time is over; returns the last answer."""
    until = time.monotonic() + within_s
    answer: View = {}
    while time.monotonic() < until:
        if not run.server.alive:
            raise run.server.child.failed("ended")
        answer = _answer(run, run.api.get(path, params=dict(question)))
        if enough(answer):
            break
        time.sleep(ASK_EVERY_S)
    return answer


def _answer(run: _Run, response: httpx.Response) -> View:
    if not response.is_success:
        said = f"answered {response.status_code} to {response.request.url.raw_path.decode()}: {response.text[:300]}"
        raise run.server.child.failed(said)
    return orjson.loads(response.content)


def settled() -> Callable[[View], bool]:
    """There are findings, and the same one came first when asked before."""
    before: list[tuple[Any, ...]] = []

    def enough(answer: View) -> bool:
        findings = answer["findings"]
        first = [tuple(findings[0][key] for key in ("kind", "service", "template"))] if findings else []
        same = bool(first) and first == before
        before[:] = first
        return same

    return enough


def decided(answer: View) -> bool:
    """There is a verdict."""
    return answer["verdict"] != _UNDECIDED


def require_shop() -> None:
    """Raises DemoFailed when the shop's services could not be imported."""
    try:
        missing = [name for name in SHOP_NEEDS if importlib.util.find_spec(name) is None]
    except ModuleNotFoundError:
        missing = list(SHOP_NEEDS)
    if missing:
        raise DemoFailed("the shop needs the OpenTelemetry exporter: pip install 'flyball[demo]'")
