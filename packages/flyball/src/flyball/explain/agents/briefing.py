"""What a language model is shown of a run: the engine's verdict and redacted excerpts behind span ids, marked as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

import orjson

from flyball.explain.agents.corpus import Corpus, Run
from flyball.explain.briefing import BRIEFING_CHARS_MAX, marked
from flyball.explain.exhibit import clip
from flyball.model.run import Step
from flyball.model.run_diagnosis import RunClaim, RunDiagnosis, RunKind

EXCERPT_CHARS_MAX = 400
"""Characters of one text of a step."""
STEPS_TOLD_MAX = 60
"""Steps of a run that are told at once."""
RUNS_TOLD_MAX = 20


def run_instructions() -> str:
    """What a model is told to do."""
    return (files("flyball.explain") / "prompts" / "run.md").read_text("utf-8")


def run_briefing(diagnosis: RunDiagnosis, corpus: Corpus) -> str:
    """The verdict and the run, as a prompt."""
    kept: list[str] = []
    left = BRIEFING_CHARS_MAX
    lines = [
        marked(orjson.dumps(one, default=str).decode("utf-8", "replace")) for one in _facts(diagnosis, corpus)
    ]
    for line in lines:
        if len(line) > left:
            break
        kept.append(line)
        left -= len(line) + 1
    more = (
        f"\n{len(lines) - len(kept)} more lines did not fit; ask for them." if len(lines) > len(kept) else ""
    )
    kinds = ", ".join(kind for kind in RunKind if kind is not RunKind.INCONCLUSIVE)
    return (
        "The engine's verdict, and the run.\nBEGIN DATA\n"
        + "\n".join(kept)
        + f"\nEND DATA{more}\nKinds: {kinds}."
    )


def told(step: Step) -> dict[str, Any]:
    """A step as a model may see it."""
    shown = {
        "span": step.span_id,
        "kind": str(step.kind),
        "name": step.tool or step.name,
        "ms": round(step.ms, 1),
        "error": step.error,
        "message": step.message,
        "model": step.model,
        "answered by": step.answered_by,
        "finish": step.finish,
        "input tokens": step.usage.input,
        "output tokens": step.usage.output,
        "arguments": step.arguments,
        "result": step.result,
        "said": step.said,
        "config": step.config,
        "commit": step.commit,
        "guard": [f"{one.action} {' '.join(one.rules)}" for one in step.decided],
    }
    return {key: _cut(value) for key, value in shown.items() if value not in ("", None, [])}


def summary(run: Run) -> dict[str, Any]:
    """A run before, in a line."""
    head = run.root or run.steps[0]
    return {
        "span": head.span_id,
        "failed": run.failed,
        "answered": run.answered,
        "calls": len(run.acts),
        "failed calls": sum(bool(one.error) for one in run.tools),
        "tokens": run.tokens,
        "seconds": round(run.seconds, 1),
        "commit": next(iter(run.values("commit")), ""),
        "config": next(iter(run.values("config")), ""),
        "answered by": sorted(run.values("answered_by")),
    }


def _facts(diagnosis: RunDiagnosis, corpus: Corpus) -> Iterable[Mapping[str, Any]]:
    yield {"verdict": diagnosis.kind, "confidence": diagnosis.confidence, "also": diagnosis.others}
    for claim in (diagnosis.root_cause, *diagnosis.explanation, diagnosis.fix):
        if claim:
            yield _said(claim)
    for one in diagnosis.ruled_out:
        yield {"ruled out": one.kind, **_said(one.why)}
    yield from ({"missing": one} for one in diagnosis.missing)
    acts = corpus.run.acts
    edges = (
        acts if len(acts) <= STEPS_TOLD_MAX else (*acts[: STEPS_TOLD_MAX // 2], *acts[-STEPS_TOLD_MAX // 2 :])
    )
    yield from (told(step) for step in (*([corpus.run.root] if corpus.run.root else []), *edges))


def _said(claim: RunClaim) -> dict[str, Any]:
    return {"says": claim.text, "spans": claim.spans[:5]}


def _cut(value: object) -> object:
    return clip(value, EXCERPT_CHARS_MAX) if isinstance(value, str) else value
