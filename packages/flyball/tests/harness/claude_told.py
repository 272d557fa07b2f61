"""What Claude Code tells of one prompt: a call of a model, and a tool that failed; as spans, and as events."""

from __future__ import annotations

from harness.runs import Span

SESSION = {
    "session.id": "9cd43570-1eb3-4f47-ae2b-77d2e662cc92",
    "user.id": "28eb63",
    "terminal.type": "vscode",
}
PROMPT = "fd53a744-da9d-4ad9-84be-3edae19154e7"
REQUEST = {
    "model": "claude-opus-4-8", "input_tokens": 2, "output_tokens": 1200, "cache_read_tokens": 84_562,
    "cache_creation_tokens": 7_096, "cost_usd": 0.1162, "duration_ms": 1500, "ttft_ms": 300,
}  # fmt: skip
TOOL = {"tool_name": "Bash", "tool_use_id": "toolu_1", "tool_input": '{"command":"exit 3"}'}
EVENTS = [
    ("plugin_loaded", {**SESSION, "plugin.name": "x"}),
    ("user_prompt", {**SESSION, "prompt.id": PROMPT, "prompt": "<REDACTED>", "prompt_length": "2"}),
    ("api_request", {**SESSION, "prompt.id": PROMPT, **REQUEST}),
    ("tool_decision", {**SESSION, "prompt.id": PROMPT, "decision": "accept", "source": "config"}),
    ("tool_result", {**SESSION, "prompt.id": PROMPT, **TOOL, "success": "false", "duration_ms": "10",
                     "error_type": "ShellError", "error": "Shell command failed"}),
]  # fmt: skip
SPANS = [
    Span(name="claude_code.interaction", id=1, ms=2000, attributes={**SESSION, "span.type": "interaction"}),
    Span(name="claude_code.llm_request", id=2, parent=1, ms=1500, attributes={
        **SESSION, "span.type": "llm_request", "model": "claude-opus-4-8[1m]", "gen_ai.system": "anthropic",
        "gen_ai.request.model": "claude-opus-4-8[1m]", "input_tokens": 2, "output_tokens": 1200, "success": True,
        "cache_read_tokens": 84_562, "cache_creation_tokens": 7_096, "ttft_ms": 300, "stop_reason": "tool_use",
        "gen_ai.usage.input_tokens": 2,
    }),
    Span(name="claude_code.tool", id=3, parent=1, begin_ms=1500, attributes={
        **SESSION, "span.type": "tool", "tool_name": "Bash", "tool_use_id": "toolu_1", "full_command": "exit 3",
    }),
    Span(name="claude_code.tool.execution", id=4, parent=3, begin_ms=1501, ms=5, error="Shell command failed",
         attributes={**SESSION, "span.type": "tool.execution", "tool_use_id": "toolu_1", "success": False,
                     "error.type": "tool_error", "error": "Shell command failed", "error_class": "ShellError"}),
    Span(name="claude_code.tool.blocked_on_user", id=5, parent=3, begin_ms=1500, ms=1,
         attributes={**SESSION, "span.type": "tool.blocked_on_user", "decision": "accept"}),
]  # fmt: skip
