"""The tools as a model sees them: arguments are checked, answers bounded, marked as data, kept behind an id; nothing raises."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio

from flyball.explain.agents.briefing import RUNS_TOLD_MAX, STEPS_TOLD_MAX, summary, told
from flyball.explain.agents.corpus import Corpus
from flyball.explain.agents.sandbox import Ran, Refused, Sandbox
from flyball.explain.briefing import answer
from flyball.explain.exhibit import clip
from flyball.explain.investigate import SEARCH_CHARS_MAX, TOOL_S_MAX, reason

ANSWERS_MAX = 60
"""Answers that are kept to be cited."""
_SPAN = re.compile(r"[0-9a-f]{1,32}")
_REFUSAL_CHARS_MAX = 300
SANDBOX_S_MAX = 15.0
"""Seconds that a command in the sandbox may take, with its start and end."""

Looked = Callable[[str, str], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTools:
    """What a model may ask beside the spans at hand: read-only, wired to queries by the caller; None is not offered."""

    list_changes: Callable[[], Awaitable[Any]] | None = None
    search_patterns: Callable[[str], Awaitable[Any]] | None = None
    sandbox: Sandbox | None = None


@dataclass(slots=True)
class Desk:
    """The tools of one investigation. `looked` is told of each call."""

    corpus: Corpus
    tools: RunTools
    looked: Looked
    calls: int = 0
    answers: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def held(self, id_: str) -> Sequence[str] | None:
        """The texts behind an id that a sentence may cite; None where there is nothing."""
        found = self.corpus.spans.get(id_)
        return [str(value) for value in told(found[1]).values()] if found else self.answers.get(id_)

    def offered(self) -> list[Callable[..., Awaitable[str]]]:
        """The tools as functions; their docstrings are what the model reads."""

        async def open_step(span_id: str) -> str:
            """One step of the run, or of a run before, by its span id."""
            if not _SPAN.fullmatch(span_id):
                return await self._refuse("open_step", "a span id is hexadecimal digits")
            found = self.corpus.spans.get(span_id)
            return await self._answer("open_step", span_id, _given(told(found[1]) if found else None))

        async def list_steps(first: int = 0) -> str:
            """The calls of the run in order, from the first one asked for."""
            acts = self.corpus.run.acts[max(0, first) :][:STEPS_TOLD_MAX]
            rows = [
                {"span": s.span_id, "name": s.tool or s.name, "error": s.error, "ms": round(s.ms)}
                for s in acts
            ]
            return await self._answer("list_steps", str(first), _given(rows))

        async def runs_before() -> str:
            """Earlier runs of this agent, the latest last: how each ended, its tokens, commit, configuration and model."""
            rows = [summary(run) for run in self.corpus.before[-RUNS_TOLD_MAX:]]
            return await self._answer("runs_before", "", _given(rows))

        return [open_step, list_steps, runs_before, *self._queries(), *self._repository()]

    def _queries(self) -> list[Callable[..., Awaitable[str]]]:
        changes = self.tools.list_changes or _given(None)
        patterns = self.tools.search_patterns or (lambda _: _given(None)())

        async def list_changes() -> str:
            """Deploys and other changes around the run."""
            return await self._answer("list_changes", "", changes)

        async def search_patterns(text: str) -> str:
            """Patterns of logs and spans whose template holds a text, with their counts."""
            if not text.strip() or len(text) > SEARCH_CHARS_MAX or not text.isprintable():
                why = f"a text to search for has 1 to {SEARCH_CHARS_MAX} printable characters"
                return await self._refuse("search_patterns", why)
            return await self._answer("search_patterns", text, lambda: patterns(text))

        wired = ((list_changes, self.tools.list_changes), (search_patterns, self.tools.search_patterns))
        return [tool for tool, query in wired if query is not None]

    def _repository(self) -> list[Callable[..., Awaitable[str]]]:
        sandbox = self.tools.sandbox
        if sandbox is None:
            return []

        async def read_file(path: str, first_line: int = 1) -> str:
            """Lines of a file of the repository, by its path there."""
            return await self._ran("read_file", path, lambda: sandbox.read_file(path, first_line))

        async def search_code(text: str) -> str:
            """Lines of the repository that hold a text, with file and line number."""
            return await self._ran("search_code", text, lambda: sandbox.search_code(text))

        async def bash(command: str) -> str:
            """A command in a sandbox: the repository read-only at /repo, no network."""
            return await self._ran("bash", command, lambda: sandbox.bash(command))

        return [read_file, search_code, bash]

    async def _ran(self, name: str, asked: str, run: Callable[[], Awaitable[Ran]]) -> str:
        async def ask() -> Any:
            ran = await run()
            return {"output": ran.text, "exit": ran.code, **({"ended": ran.stopped} if ran.stopped else {})}

        return await self._answer(name, asked, ask, SANDBOX_S_MAX)

    async def _refuse(self, name: str, why: str) -> str:
        self.calls += 1
        await self.looked(name, "refused")
        return f"refused: {why}"

    async def _answer(
        self, name: str, asked: str, ask: Callable[[], Awaitable[Any]], seconds: float = TOOL_S_MAX
    ) -> str:
        self.calls += 1
        await self.looked(name, asked)
        try:
            with anyio.fail_after(seconds):
                found = await ask()
        except Refused as refusal:
            return clip(str(refusal), _REFUSAL_CHARS_MAX)
        except TimeoutError:
            return "error: the tool took too long"
        # the edge of a task: a tool that fails is said to fail
        except Exception as error:  # noqa: BLE001
            return clip(f"error: {reason(error)}", _REFUSAL_CHARS_MAX)
        if found is None:
            return "no data"
        text = answer(found)
        if len(self.answers) >= ANSWERS_MAX:
            return f"(not to be cited: more than {ANSWERS_MAX} answers)\n{text}"
        id_ = (
            "ex_"
            + hashlib.blake2b(
                f"{name}\0{asked}\0{text}".encode("utf-8", "replace"), digest_size=8
            ).hexdigest()
        )
        self.answers[id_] = _texts(found)
        return f"id {id_}\n{text}"


def _given(value: Any) -> Callable[[], Awaitable[Any]]:
    async def ask() -> Any:
        return value

    return ask


def _texts(found: Any) -> list[str]:
    """All texts of an answer, line by line."""
    if isinstance(found, dict):
        return [text for value in found.values() for text in _texts(value)]
    if isinstance(found, list | tuple):
        return [text for value in found for text in _texts(value)]
    return str(found).splitlines() or [""]
