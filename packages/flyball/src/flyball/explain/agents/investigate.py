"""A language model that goes on where the engine is not sure: read-only tools, bounds, and no say in the verdict.

`look_closer` never raises. It asks only below the engine's line of confidence, at most TURNS_MAX times; what the model
says is judged against what it cites, shown as an unconfirmed hypothesis beside the verdict, and what it costs is reserved
and settled with the ledger. What happens meanwhile is told as it happens.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import anyio
import anyio.to_thread

from flyball.component.ports import Clock, SpendStore
from flyball.errors import FlyballError
from flyball.explain.admit import Sentence
from flyball.explain.agents.briefing import run_briefing, run_instructions
from flyball.explain.agents.corpus import Corpus
from flyball.explain.agents.desk import Desk, RunTools
from flyball.explain.agents.engine import GOES_ON_BELOW
from flyball.explain.agents.foreign import foreign
from flyball.explain.bounds import Bounds
from flyball.explain.check import unsupported_parts
from flyball.explain.exhibit import clip
from flyball.explain.investigate import client_module, reason, spent_of
from flyball.model.diagnosis import Claim
from flyball.model.evidence import Evidence
from flyball.model.narrative import Dropped, Exchange, ModelUsage
from flyball.model.run_diagnosis import RunDiagnosis, RunKind

TURNS_MAX = 20
"""Calls of the model for one run."""
TOOL_CALLS_MAX = 40
SENTENCES_MAX = 8
SENTENCE_CHARS_MAX = 600
CITED_MAX = 10
_NOTE_CHARS_MAX = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStory:
    """What a model answers: the kind it thinks of, and sentences with the ids that they stand on."""

    kind: str = ""
    sentences: list[Sentence] = field(default_factory=list[Sentence])


@dataclass(frozen=True, slots=True)
class Told:
    """Something that happened while a model looks: `verdict`, `looks` (a tool), `hypothesis`, `dropped` or `note`."""

    what: str
    text: str


Tell = Callable[[Told], Awaitable[None]]
Held = Callable[[str], Sequence[str] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Closer:
    """What came of looking closer. The verdict is the engine's, untouched; all else is a hypothesis of the model.

    `dropped` are sentences whose citations do not hold them, with reasons. `note` says why there is nothing, where there
    is nothing.
    """

    verdict: RunDiagnosis
    model: str = ""
    unconfirmed_kind: RunKind | None = None
    unconfirmed: tuple[Claim, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    note: str = ""
    usage: ModelUsage = field(default_factory=ModelUsage)
    exchanges: tuple[Exchange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInvestigator:
    """A language model to ask: `model` is `provider:name`, `base_url` another address than the provider's."""

    model: str
    ledger: SpendStore
    clock: Clock
    base_url: str = ""
    per_run: Bounds
    per_day: Bounds
    model_log: bool = True

    async def look_closer(self, verdict: RunDiagnosis, corpus: Corpus, tools: RunTools, tell: Tell) -> Closer:
        """What a model makes of a run of which the engine is not sure. Never raises."""
        found = Closer(verdict=verdict, model=self.model)
        await tell(Told("verdict", foreign(f"{verdict.kind} ({verdict.confidence:g})")))
        why_not = self._why_not(verdict)
        if not why_not:
            found = await self._paid(found, corpus, tools, tell)
        else:
            found = replace(found, note=why_not)
        if found.note:
            await tell(Told("note", foreign(found.note)))
        for claim in found.unconfirmed:
            await tell(Told("hypothesis", claim.text))
        return found

    def _why_not(self, verdict: RunDiagnosis) -> str:
        if verdict.confidence >= GOES_ON_BELOW:
            return f"the engine is sure enough ({verdict.confidence:g})"
        return "" if self.model else "no language model is configured"

    async def _paid(self, found: Closer, corpus: Corpus, tools: RunTools, tell: Tell) -> Closer:
        """Reserve, ask, settle."""
        try:
            client = await anyio.to_thread.run_sync(client_module)
        except ImportError as error:
            note = f"the language model needs what is not installed: pip install 'flyball[model]' ({error})"
            return replace(found, note=clip(note, _NOTE_CHARS_MAX))
        day = datetime.fromtimestamp(self.clock.now_ns() / 1e9, UTC).date().isoformat()
        reserved = self.per_run.spend
        try:
            if not await self.ledger.reserve(day, reserved, limit=self.per_day.spend):
                return replace(found, note=f"the day's budget for language models is spent ({day}, UTC)")
        except FlyballError as error:
            return replace(found, note=clip(f"the ledger failed: {error}", _NOTE_CHARS_MAX))
        began = self.clock.monotonic_s()
        run = client.Run.within(self.per_run, self.model, self.clock.monotonic_s)
        desk = Desk(corpus, tools, lambda name, asked: tell(Told("looks", foreign(f"{name} {asked}", 200))))
        story, note = await self._ask(client, run, desk, found.verdict)
        usage = ModelUsage(
            calls=len(run.wire.exchanges),
            tool_calls=desk.calls,
            input_tokens=run.usage.input_tokens,
            output_tokens=run.usage.output_tokens,
            cost_usd=None if run.usage.cost is None else float(run.usage.cost),
            seconds=round(self.clock.monotonic_s() - began, 3),
        )
        try:
            await self.ledger.settle(day, reserved, spent_of(run, usage))
        except FlyballError as error:
            note = note or clip(f"the ledger failed: {error}", _NOTE_CHARS_MAX)
        exchanges = tuple(run.wire.exchanges) if self.model_log else ()
        found = replace(found, usage=usage, exchanges=exchanges, note=note)
        return judged(found, story, desk.held) if story else found

    async def _ask(
        self, client: ModuleType, run: Any, desk: Desk, verdict: RunDiagnosis
    ) -> tuple[RunStory | None, str]:
        """The model's story, or None and why there is none."""
        try:
            with anyio.fail_after(self.per_run.seconds):
                story = await client.ask(
                    run,
                    model=self.model,
                    base_url=self.base_url,
                    instructions=run_instructions(),
                    prompt=run_briefing(verdict, desk.corpus),
                    tools=desk.offered(),
                    calls_max=min(self.per_run.calls, TURNS_MAX),
                    tool_calls_max=TOOL_CALLS_MAX,
                    form=RunStory,
                )
        except TimeoutError:
            return None, f"the model took longer than {self.per_run.seconds:g} s"
        # the edge of a task: whatever a provider's client raises, the engine's verdict stands
        except Exception as error:  # noqa: BLE001
            return None, clip(f"the model gave no answer: {reason(error)}", _NOTE_CHARS_MAX)
        return story, ""


def judged(found: Closer, story: RunStory, held: Held) -> Closer:
    """What of a story may be shown, and how: never more than a hypothesis. `held` gives the texts behind an id."""
    kept: list[Claim] = []
    dropped: list[Dropped] = []
    for said in story.sentences[:SENTENCES_MAX]:
        claim = Claim(
            text=clip(said.text, SENTENCE_CHARS_MAX),
            evidence=tuple(dict.fromkeys(clip(one, 64) for one in said.evidence[:CITED_MAX])),
        )
        why = _why_dropped(claim, held)
        shown = replace(claim, text=foreign(claim.text))
        if why:
            dropped.append(Dropped(claim=shown, why=clip(foreign(why), _NOTE_CHARS_MAX)))
        else:
            kept.append(shown)
    over = len(story.sentences) - SENTENCES_MAX
    if over > 0:
        left = Claim(text=f"{over} more sentences", evidence=())
        dropped.append(Dropped(claim=left, why=f"beyond {SENTENCES_MAX} sentences"))
    kind = next((one for one in RunKind if one.value == story.kind.strip().casefold()), None)
    if not kept or kind is RunKind.INCONCLUSIVE:
        kind = None
    note = found.note or ("" if kept else "nothing that the model said is held by what it cites")
    return replace(found, unconfirmed_kind=kind, unconfirmed=tuple(kept), dropped=tuple(dropped), note=note)


def _why_dropped(claim: Claim, held: Held) -> str:
    """Why a sentence may not be shown; empty when what it cites holds it."""
    if foreign(claim.text) != clip(claim.text):
        return "carries markup, a link or hidden characters"
    absent = [one for one in claim.evidence if held(one) is None]
    if absent or not claim.evidence:
        return f"cites what is not there: {', '.join(absent) or 'nothing'}"
    facts = [_fact(held(one) or ()) for one in claim.evidence]
    missing = unsupported_parts(claim.text, facts)
    return f"not in what it cites: {', '.join(missing[:5])}" if missing else ""


def _fact(texts: Sequence[str]) -> Evidence:
    """What an id holds, in the form that the checker of sentences reads."""
    return Evidence(
        kind="excerpt",
        sql="",
        parameters={},
        as_of=datetime.fromtimestamp(0, UTC),
        numbers={},
        exemplars=tuple({"value": text} for text in texts),
    )
