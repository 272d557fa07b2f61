"""Run: what an agent did, step by step. One shape for every library that tells of it.

A run is one trace that holds a step of an agent; its id is the trace id. Steps are spans, normalised from the current
GenAI conventions of OpenTelemetry, their older forms, OpenInference, OpenLLMetry, Logfire and Claude Code's own telemetry.
Texts are redacted before they come here. What was not told is empty or None, never a guess, and never 0.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field


class StepKind(enum.StrEnum):
    """What a step of a run is, by `gen_ai.operation.name`."""

    AGENT = "agent"
    """`invoke_agent`, `create_agent`, a workflow or a chain: it holds other steps."""
    MODEL = "model"
    """`chat`, `generate_content`, `text_completion`, `embeddings`: a call of a model."""
    TOOL = "tool"
    """`execute_tool`."""
    OTHER = "other"
    """Anything else in the same trace: what the tool did in the services behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one model call; None where it was not told.

    `input` counts all that was read, cached or not; `output` all that was written, reasoning included
    (`gen_ai.usage.*`): the parts are never added to the whole.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What the guard said of a tool call (`flyball.guard.decision`), on the step that it was asked for."""

    decision_id: str
    action: str
    would: str
    rules: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a run. Ids are lower-case hexadecimal, times nanoseconds since 1970 UTC.

    `name` is what to show: the agent's, the model's or the tool's name, else the span's. `error` is `error.type`, empty
    without one; `message` what came with it. `model` was asked for, `answered_by` is what answered
    (`gen_ai.response.model`). `arguments` and `result` are a tool's, `said` a model's answer or a prompt's digest: bounded
    excerpts, empty where content was not captured. `config` names the version or digest of what the agent was told
    (prompt, tools, settings). `digest` is equal for equal tool calls, empty where arguments are not known.
    """

    run_id: str
    span_id: str
    parent_id: str = ""
    kind: StepKind
    name: str
    service: str = ""
    environment: str = ""
    version: str = ""
    agent: str = ""
    conversation: str = ""
    user: str = ""
    begin_ns: int
    end_ns: int
    error: str = ""
    message: str = ""
    provider: str = ""
    model: str = ""
    answered_by: str = ""
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = None
    first_chunk_ms: float | None = None
    finish: str = ""
    tool: str = ""
    tool_call_id: str = ""
    digest: str = ""
    arguments: str = ""
    result: str = ""
    said: str = ""
    config: str = ""
    commit: str = ""
    branch: str = ""
    dirty: bool | None = None
    decided: tuple[Decided, ...] = ()

    @property
    def ms(self) -> float:
        """How long it took, in milliseconds."""
        return max(0, self.end_ns - self.begin_ns) / 1e6
