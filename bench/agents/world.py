"""A world to fail in: an agent, its framework, its tools and its habits, all drawn from a seed.

Frameworks differ in what they tell: whose span is around what, which word ends an answer, whether arguments are there or
a digest alone, whether a client's span stands inside the framework's. Habits differ in how many turns a task takes, what
a turn adds to the context, how often a tool fails in passing.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from flyball.model.run import Step, StepKind, Usage

S = 1_000_000_000
START_NS = 1_780_000_000 * S


@dataclass(frozen=True, slots=True)
class Framework:
    """How a library tells of a run."""

    name: str
    root: str
    asks: str
    """Finish reason of a model that calls a tool."""
    ends: str
    said_on_root: bool
    captures: bool
    """Whether arguments are told beside the digest."""
    doubles: bool
    """Whether a client's span stands inside each call."""
    chain: bool
    """Whether a workflow span stands between agent and calls."""
    turns_error: tuple[str, str]


FRAMEWORKS = (
    Framework("openai-agents", "invoke_agent {}", "tool_calls", "stop", False, True, False, False,
              ("MaxTurnsExceeded", "Max turns (25) exceeded")),
    Framework("pydantic-ai", "{} run", "tool_call", "stop", True, True, False, False,
              ("UsageLimitExceeded", "The next request would exceed the request_limit of 50")),
    Framework("langgraph", "{}.workflow", "tool_calls", "stop", False, True, True, True,
              ("GraphRecursionError", "Recursion limit of 25 reached without hitting a stop condition")),
    Framework("claude-code", "claude_code.interaction", "tool_use", "end_turn", False, True, True, False,
              ("error_max_turns", "reached the maximum number of turns")),
    Framework("crewai", "Crew.{}", "tool_calls", "stop", True, False, False, True,
              ("AgentStopped", "Agent stopped due to iteration limit or time limit")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Domain:
    """What an agent is for: tools that read, the tool whose success is the task, what is asked and said."""

    readers: tuple[str, ...]
    act: str
    rare: str
    things: tuple[str, ...]
    found: tuple[str, ...]
    acted: tuple[str, ...]
    vain: tuple[str, ...]
    done: tuple[str, ...]
    honest: tuple[str, ...]


DOMAINS = (
    Domain(("read_file", "grep", "list_dir"), "apply_patch", "send_message",
           ("src/cart.py", "lib/auth.ts", "pkg/store/index.go", "app/models/user.rb"),
           ("def total(items):\n    return sum(i.price for i in items)", "3 matches in 2 files", "12 entries"),
           ("patched 1 file, 4 insertions", "applied, 2 hunks"), ("0 files changed", "no changes: the hunk was already applied"),
           ("The bug in the cart total is fixed and the tests pass.", "Done. I updated the handler and added a test."),
           ("I could not apply the patch: the file has changed meanwhile.", "The edit failed, so the bug is still there.")),
    Domain(("lookup_order", "search_kb", "get_customer"), "issue_refund", "export_customers",
           ("order 48213", "order 99120", "ticket 7741", "customer 5512"),
           ('{"status": "delivered", "total": 42.5}', "Refunds are possible within 30 days.", '{"tier": "gold"}'),
           ('{"refund_id": "rf_8812", "state": "booked"}', '{"ok": true}'), ('{"ok": false, "reason": "closed period"}', "0 rows updated"),
           ("Your refund has been issued and will arrive within five days.", "All set: the amount was sent back to your card."),
           ("Unfortunately the refund could not be booked; a colleague will look at it.", "I was not able to refund this order.")),
    Domain(("web_search", "fetch_page", "take_note"), "save_report", "post_webhook",
           ("heat pumps in old houses", "battery recycling", "rail freight 2026", "soil sensors"),
           ("Ten results, the first from a trade journal.", "The article compares three vendors.", "noted"),
           ("saved as report-11.md", "stored, 4,120 characters"), ("nothing written: the path is read-only", "0 documents stored"),
           ("The report is ready and saved in your folder.", "Finished: I compared the vendors and wrote the summary."),
           ("The report could not be saved, here is the text instead.", "I failed to store the report.")),
    Domain(("list_tables", "describe_table", "run_query"), "publish_dashboard", "share_link",
           ("weekly revenue", "churn by cohort", "stock by depot", "late shipments"),
           ("14 tables", "columns: id, day, amount", "52 rows"),
           ('{"dashboard": "d-31", "version": 9}', "published"), ('{"updated": 0}', "unchanged"),
           ("The dashboard is published with the new chart.", "I've updated the dashboard; it is now live."),
           ("The dashboard could not be published because I lack the right.", "Publishing did not work, sorry.")),
    Domain(("get_pods", "get_logs", "describe_deployment"), "scale_deployment", "create_token",
           ("checkout", "search-api", "mailer", "ledger"),
           ("3/3 ready", "no errors in the last hour", "replicas: 3, image v41"),
           ("deployment scaled to 5", "scaled"), ("no changes: replicas unchanged", '{"modified": false}'),
           ("The deployment has been scaled and all pods are ready.", "Done, five replicas are running."),
           ("Scaling failed: the quota does not allow five replicas.", "I cannot scale it, the request was denied.")),
)  # fmt: skip
MODELS = (("gpt-5.5", "gpt-5.5-2026-0{}-11", "openai"), ("claude-sonnet-latest", "claude-sonnet-5-202610{}1", "anthropic"),
          ("gemini-pro", "gemini-3-pro-00{}", "gcp.gemini"), ("house-chat", "house-chat-r{}7", "openai"))  # fmt: skip
_PREFIXES = ("", "mcp_", "kit.", "v2_")
_AGENTS = ("scout", "Mender", "order-desk", "night_shift", "Quill", "atlas", "ops helper", "Lektor")


@dataclass(frozen=True, slots=True)
class Fault:
    """How a call of a tool ends badly."""

    error: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One tool call as planned: what is asked, what comes of it, how long it takes."""

    tool: str
    arguments: dict[str, Any]
    result: str = ""
    fault: Fault | None = None
    s: float = 0.0
    decided: tuple[Any, ...] = ()
    tokens: int = 0
    """What its answer adds to the context beyond the habit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run as planned. None as `said` is a run that never answers."""

    calls: tuple[Call, ...]
    said: str | None
    finish: str = ""
    root_fault: Fault | None = None
    rooted: bool = True
    tail_s: float = 0.0
    commit: str = ""
    config: str = ""
    model: str = ""
    answered_by: str = ""
    base: float = 1.0
    grows: float = 1.0
    cut: tuple[int, str] | None = None
    """A model call by its turn, and another finish reason for it."""


class World:
    """One agent and its habits; `run` makes the steps of a plan, each run a while after the one before."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.framework: Framework = rng.choice(FRAMEWORKS)
        domain = rng.choice(DOMAINS)
        prefix = rng.choice(_PREFIXES)
        self.domain: Domain = replace(
            domain,
            readers=tuple(prefix + one for one in domain.readers), act=prefix + domain.act, rare=prefix + domain.rare,
        )  # fmt: skip
        self.agent = rng.choice(_AGENTS)
        self.model, self.checkpoint, self.provider = rng.choice(MODELS)
        self.commit, self.config = (
            self.hex(40),
            f"sha256:{self.hex(12)}" if rng.random() < 0.5 else f"v{rng.randint(2, 40)}",
        )
        self.turns = (rng.randint(2, 4), rng.randint(5, 7))
        self.base, self.growth = rng.randint(900, 9_000), rng.randint(60, 900)
        self.flaky = rng.choice((0.0, 0.02, 0.05))
        self.clock_ns = START_NS + rng.randint(0, 10_000_000) * S

    def hex(self, digits: int) -> str:
        """Random hexadecimal digits."""
        return f"{self.rng.getrandbits(4 * digits):0{digits}x}"

    def plan(self, turns: int | None = None, **changed: Any) -> Plan:
        """A normal run: some reading, then the act, then a word."""
        rng = self.rng
        reads = tuple(self.read() for _ in range((turns or rng.randint(*self.turns)) - 1))
        act = self.act_call()
        asked: dict[str, Any] = {
            "model": self.model,
            "answered_by": self.checkpoint.format(1),
            "commit": self.commit,
            "config": self.config,
        }
        asked |= {"calls": self.hiccups((*reads, act)), "said": rng.choice(self.domain.done)}
        return Plan(**{**asked, **changed})

    def hiccups(self, calls: tuple[Call, ...]) -> tuple[Call, ...]:
        """Now and then a call fails in passing and is made again."""
        told: list[Call] = []
        for call in calls:
            if self.rng.random() < self.flaky:
                told.append(
                    replace(
                        call,
                        result="",
                        fault=Fault("TimeoutError", f"no answer after {self.rng.randint(5, 40)} s"),
                    )
                )
            told.append(call)
        return tuple(told)

    def read(self, tool: str = "", **changed: Any) -> Call:
        """A call that reads."""
        rng = self.rng
        told: dict[str, Any] = {
            "tool": tool or rng.choice(self.domain.readers),
            "result": rng.choice(self.domain.found),
        }
        told["arguments"] = {"about": rng.choice(self.domain.things), "page": rng.randint(1, 400)}
        return Call(**{**told, **changed})

    def act_call(self, **changed: Any) -> Call:
        """The call that is the task."""
        rng = self.rng
        told: dict[str, Any] = {"tool": self.domain.act, "result": rng.choice(self.domain.acted)}
        told["arguments"] = {"target": rng.choice(self.domain.things), "key": self.hex(8)}
        return Call(**{**told, **changed})

    def history(self, runs: int = 0, **changed: Any) -> list[Step]:
        """Normal runs."""
        return [
            step for _ in range(runs or self.rng.randint(10, 24)) for step in self.run(self.plan(**changed))
        ]

    def run(self, plan: Plan) -> list[Step]:
        """The steps of a plan."""
        return _Told(self, plan).steps()


class _Told:
    """A plan as a framework tells of it."""

    def __init__(self, world: World, plan: Plan) -> None:
        self.world, self.plan = world, plan
        self.run_id, self.root_id = world.hex(32), world.hex(16)
        world.clock_ns += world.rng.randint(60, 7_000) * S
        self.at = self.begin = world.clock_ns
        self.parent = world.hex(16) if world.framework.chain else self.root_id
        self.read = world.base * world.rng.lognormvariate(0, 0.08) * plan.base
        self.told: list[Step] = []

    def steps(self) -> list[Step]:
        rng, plan, f = self.world.rng, self.plan, self.world.framework
        for turn, call in enumerate(plan.calls):
            self.model(plan.cut[1] if plan.cut and plan.cut[0] == turn else f.asks, "")
            self.tool(call)
            self.read += self.world.growth * rng.lognormvariate(0, 0.25) * plan.grows + call.tokens
            if rng.random() < 0.3:
                self.other()
        if plan.said is not None:
            self.model(plan.finish or f.ends, "" if f.said_on_root else plan.said)
        self.at += int(plan.tail_s * S)
        if f.chain and plan.rooted:
            self.add(
                StepKind.AGENT, "workflow", self.begin, self.at, span_id=self.parent, parent_id=self.root_id
            )
        if plan.rooted:
            self.root()
        self.world.clock_ns = self.at
        rng.shuffle(self.told)
        return self.told

    def add(self, kind: StepKind, name: str, begin: int, end: int, **told: Any) -> Step:
        w = self.world
        told = {"span_id": w.hex(16), "parent_id": self.parent, **told}
        step = Step(
            run_id=self.run_id, kind=kind, name=name, begin_ns=begin, end_ns=end, service=f"{w.agent}-svc", agent=w.agent,
            commit=self.plan.commit, config=self.plan.config if kind is not StepKind.OTHER else "", **told,
        )  # fmt: skip
        self.told.append(step)
        return step

    def root(self) -> None:
        w, plan = self.world, self.plan
        fault = plan.root_fault
        self.add(
            StepKind.AGENT, w.framework.root.format(w.agent), self.begin, self.at + 5_000_000, span_id=self.root_id, parent_id="",
            error=fault.error if fault else "", message=fault.message if fault else "",
            said=(plan.said or "") if w.framework.said_on_root and not fault else "",
        )  # fmt: skip

    def model(self, finish: str, said: str) -> None:
        w, plan = self.world, self.plan
        begin, took = self.at, int(w.rng.lognormvariate(0.6, 0.4) * S)
        usage = Usage(input=int(self.read), output=w.rng.randint(40, 400), cache_read=int(self.read * 0.6))
        told = {
            "model": plan.model,
            "answered_by": plan.answered_by,
            "usage": usage,
            "provider": w.provider,
            "finish": finish,
            "said": said,
        }
        outer = self.add(StepKind.MODEL, f"chat {plan.model}", begin, begin + took, **told)
        if w.framework.doubles:
            self.add(
                StepKind.MODEL,
                "POST /chat",
                begin + 1,
                begin + took - 1,
                **{**told, "parent_id": outer.span_id},
            )
        self.at += took + w.rng.randint(1, 50) * 1_000_000

    def tool(self, call: Call) -> None:
        w = self.world
        begin, took = self.at, int((call.s or w.rng.lognormvariate(-1, 0.6)) * S)
        arguments = json.dumps(call.arguments, sort_keys=True)
        told: dict[str, Any] = {
            "tool": call.tool, "tool_call_id": f"call_{w.hex(8)}", "result": call.result, "decided": call.decided,
            "digest": hashlib.blake2b(f"{call.tool}{arguments}".encode(), digest_size=8).hexdigest(),
            "arguments": arguments if w.framework.captures else "",
            "error": call.fault.error if call.fault else "", "message": call.fault.message if call.fault else "",
        }  # fmt: skip
        outer = self.add(StepKind.TOOL, f"execute_tool {call.tool}", begin, begin + took, **told)
        if w.framework.doubles:
            self.add(
                StepKind.TOOL,
                f"tools/call {call.tool}",
                begin + 1,
                begin + took - 1,
                **{**told, "parent_id": outer.span_id},
            )
        self.at += took + w.rng.randint(1, 50) * 1_000_000

    def other(self) -> None:
        """What the services behind did; now and then one of them complains."""
        rng = self.world.rng
        bad = rng.random() < 0.1
        name = rng.choice(("GET /items", "SELECT stock", "redis.get", "POST /v1/index"))
        self.add(
            StepKind.OTHER,
            name,
            self.at - S // 2,
            self.at - S // 4,
            error="404" if bad else "",
            message="not found" if bad else "",
        )
