"""A language model beside the deterministic diagnosis: it may put it in words and look closer, and decides nothing.

`narrate` never raises and never takes the diagnosis' place: what a model says is judged by `admit.py`, what it costs is
bounded for each incident and each day, and when it hangs, refuses, babbles or costs too much there is a note. What it
is sent is distilled and redacted (`briefing.py`).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import anyio
import anyio.to_thread

from flyball.component.ports import Clock, SpendStore
from flyball.errors import FlyballError
from flyball.explain.admit import admit
from flyball.explain.bounds import Bounds, Stopped
from flyball.explain.briefing import answer, briefing, instructions
from flyball.explain.exhibit import clip
from flyball.model.diagnosis import Diagnosis
from flyball.model.evidence import Evidence
from flyball.model.lesson import Lesson
from flyball.model.narrative import ModelUsage, Narrative, Spend

TOOL_S_MAX = 10.0
"""Seconds that a tool may take."""
SEARCH_CHARS_MAX = 200
"""Characters of a text that a model may search for."""
_NOTE_CHARS_MAX = 300
_EVIDENCE_ID = re.compile(r"ev_[0-9a-f]{16}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a model may ask: read-only, wired to queries by the caller. Answers are evidence or anything of JSON."""

    open_evidence: Callable[[str], Awaitable[Evidence | None]]
    search_patterns: Callable[[str], Awaitable[Any]]
    list_changes: Callable[[], Awaitable[Any]]
    seen_before: Callable[[], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Investigator:
    """A language model to ask: `model` is `provider:name`, `base_url` another address than the provider's."""

    model: str
    ledger: SpendStore
    clock: Clock
    base_url: str = ""
    per_incident: Bounds
    per_day: Bounds
    model_log: bool = True

    async def narrate(
        self,
        diagnosis: Diagnosis,
        lessons: Sequence[Lesson],
        tools: Tools,
        latest: Callable[[], Awaitable[Diagnosis]] | None = None,
    ) -> Narrative:
        """What the model says of a diagnosis and what of that may stand; a note where it says nothing. Never raises.

        A model takes minutes: what it says is held against the `latest` diagnosis, beside which it is shown; `latest` does not raise.
        """
        empty = Narrative(model=self.model)
        if not self.model:
            return replace(empty, note="no language model is configured")
        try:
            client = await anyio.to_thread.run_sync(client_module)
        except ImportError as error:
            missing = (
                f"the language model needs what is not installed: pip install 'flyball[model]' ({error})"
            )
            return replace(empty, note=clip(missing, _NOTE_CHARS_MAX))
        day = datetime.fromtimestamp(self.clock.now_ns() / 1e9, UTC).date().isoformat()
        reserved = self.per_incident.spend
        try:
            if not await self.ledger.reserve(day, reserved, limit=self.per_day.spend):
                return replace(empty, note=f"the day's budget for language models is spent ({day}, UTC)")
        except FlyballError as error:
            return replace(empty, note=clip(f"the ledger failed: {error}", _NOTE_CHARS_MAX))
        desk = _Desk(tools)
        began = self.clock.monotonic_s()
        run = client.Run.within(self.per_incident, self.model, self.clock.monotonic_s)
        story, note = await self._ask(client, run, desk, lambda: briefing(diagnosis, lessons))
        usage = self._usage(run, desk, self.clock.monotonic_s() - began)
        try:
            await self.ledger.settle(day, reserved, spent_of(run, usage))
        except FlyballError as error:
            note = note or clip(f"the ledger failed: {error}", _NOTE_CHARS_MAX)
        if not note and (over := self._over(usage)):
            story, note = None, f"the model took too much: {over}"
        exchanges = tuple(run.wire.exchanges) if self.model_log else ()
        narrative = replace(empty, note=note, usage=usage, exchanges=exchanges)
        if story is None:
            return narrative
        judge = await latest() if latest else diagnosis
        admitted = admit(judge, story, desk.opened.values())
        return replace(
            narrative,
            sentences=tuple(admitted.sentences),
            unconfirmed=tuple(admitted.unconfirmed),
            dropped=tuple(admitted.dropped),
            note="" if admitted.sentences else "nothing that the model said could be confirmed",
        )

    async def _ask(
        self, client: ModuleType, run: Any, desk: _Desk, prompt: Callable[[], str]
    ) -> tuple[Any, str]:
        """The model's story, or None and why there is none."""
        try:
            with anyio.fail_after(self.per_incident.seconds):
                story = await client.ask(
                    run,
                    model=self.model,
                    base_url=self.base_url,
                    instructions=instructions(),
                    prompt=prompt(),
                    tools=desk.offered(),
                    calls_max=self.per_incident.calls,
                )
        except TimeoutError:
            return None, f"the model took longer than {self.per_incident.seconds:g} s"
        # the edge of a task: whatever a provider's client raises, the deterministic diagnosis stands
        except Exception as error:  # noqa: BLE001
            return None, clip(f"the model gave no answer: {reason(error)}", _NOTE_CHARS_MAX)
        return story, ""

    def _usage(self, run: Any, desk: _Desk, seconds: float) -> ModelUsage:
        return ModelUsage(
            calls=len(run.wire.exchanges),
            tool_calls=desk.calls,
            input_tokens=run.usage.input_tokens,
            output_tokens=run.usage.output_tokens,
            cost_usd=None if run.usage.cost is None else float(run.usage.cost),
            seconds=round(seconds, 3),
        )

    def _over(self, usage: ModelUsage) -> str:
        tokens = usage.input_tokens + usage.output_tokens
        if tokens > self.per_incident.tokens:
            return f"{tokens} tokens, {self.per_incident.tokens} are allowed"
        if usage.cost_usd is not None and usage.cost_usd > self.per_incident.usd:
            return f"{usage.cost_usd:.4f} US dollars, {self.per_incident.usd:g} are allowed"
        return ""


@dataclass(slots=True)
class _Desk:
    """The tools as a model sees them: arguments are checked, answers marked as data, nothing raises."""

    tools: Tools
    calls: int = 0
    opened: dict[str, Evidence] = field(default_factory=dict[str, Evidence])

    def offered(self) -> list[Callable[..., Awaitable[str]]]:
        async def open_evidence(evidence_id: str) -> str:
            """One piece of evidence by its id, `ev_` and 16 hexadecimal digits."""
            if not _EVIDENCE_ID.fullmatch(evidence_id):
                return self._refuse("an evidence id is `ev_` and 16 hexadecimal digits")
            return await self._answer(lambda: self.tools.open_evidence(evidence_id))

        async def search_patterns(text: str) -> str:
            """Patterns of logs and spans whose template holds a text, with their counts."""
            if not text.strip() or len(text) > SEARCH_CHARS_MAX or not text.isprintable():
                return self._refuse(f"a text to search for has 1 to {SEARCH_CHARS_MAX} printable characters")
            return await self._answer(lambda: self.tools.search_patterns(text))

        async def list_changes() -> str:
            """Deploys and other changes around the incident."""
            return await self._answer(self.tools.list_changes)

        async def seen_before() -> str:
            """Earlier incidents that are like this one, and what was done about them."""
            return await self._answer(self.tools.seen_before)

        return [open_evidence, search_patterns, list_changes, seen_before]

    def _refuse(self, why: str) -> str:
        self.calls += 1
        return f"refused: {why}"

    async def _answer(self, asked: Callable[[], Awaitable[Any]]) -> str:
        self.calls += 1
        try:
            with anyio.fail_after(TOOL_S_MAX):
                found = await asked()
        except TimeoutError:
            return "error: the tool took too long"
        # the edge of a task: a tool that fails is said to fail
        except Exception as error:  # noqa: BLE001
            return clip(f"error: {reason(error)}", _NOTE_CHARS_MAX)
        if isinstance(found, Evidence):
            self.opened[found.id] = found
        return "no data" if found is None else answer(found)


def client_module() -> ModuleType:
    """The one module that knows language models; ImportError where the extra is not installed."""
    from flyball.explain import model_client  # noqa: PLC0415 - takes seconds, and only who asks a model needs it

    return model_client


def spent_of(run: Any, usage: ModelUsage) -> Spend:
    """What an investigation took, as the ledger writes it."""
    return Spend(
        calls=usage.calls,
        tokens=run.tokens,
        microusd=round((usage.cost_usd or 0.0) * 1e6),
        milliseconds=round(usage.seconds * 1e3),
    )


def reason(error: BaseException) -> str:
    """The innermost reason of an error: clients wrap what the wire raised."""
    seen = [error]
    while (inner := seen[-1].__cause__ or seen[-1].__context__) is not None and len(seen) < 10:  # noqa: PLR2004
        seen.append(inner)
    stopped = next((one for one in seen if isinstance(one, Stopped)), None)
    return str(stopped) if stopped else f"{type(error).__name__}: {error}"
