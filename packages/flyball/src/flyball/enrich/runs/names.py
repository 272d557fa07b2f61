"""What each library calls the same thing: for each column of a step the attributes that tell it, the surest first.

Sources: the GenAI conventions of OpenTelemetry (semantic-conventions-genai, and semantic-conventions up to 1.36 for the
older names), OpenInference (openinference.semconv.trace), OpenLLMetry (opentelemetry.semconv_ai, traceloop-sdk),
pydantic-ai and Logfire (pydantic_ai._instrumentation), and what Claude Code 2.1.197 and 2.1.332 send.
"""

from __future__ import annotations

OPERATION = "gen_ai.operation.name"
OPENINFERENCE_KIND = "openinference.span.kind"
TRACELOOP_KIND = "traceloop.span.kind"
REQUEST_TYPE = "llm.request.type"
MCP_METHOD = "mcp.method.name"
AGENT_NAME_OF_LOGFIRE = "agent_name"

MARKS = (
    *(OPERATION, OPENINFERENCE_KIND, TRACELOOP_KIND, REQUEST_TYPE, AGENT_NAME_OF_LOGFIRE),
    *("gen_ai.system", "gen_ai.provider.name", "gen_ai.request.model", "gen_ai.tool.name", "llm.model_name"),
    "span.type",
)
"""A span with none of these is no step of an agent. `span.type` is Claude Code's."""

AGENT = ("gen_ai.agent.name", AGENT_NAME_OF_LOGFIRE, "agent.name")
AGENT_OF_WORKFLOW = ("traceloop.workflow.name",)
CONVERSATION = (
    *("gen_ai.conversation.id", "session.id"),
    *(f"traceloop.association.properties.{name}" for name in ("session_id", "chat_id", "conversation_id")),
)
USER = ("user.id", "enduser.id", "traceloop.association.properties.user_id", "llm.user")
PROVIDER = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system", "llm.vendor")
MODEL = (
    *("gen_ai.request.model", "llm.request.model_name", "llm.model_name", "llm.request.model"),
    "embedding.model_name",
)
ANSWERED_BY = ("gen_ai.response.model", "llm.response.model_name", "llm.response.model")
INPUT = (
    *("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt"),
    "llm.usage.prompt_tokens",
)
OUTPUT = (
    *("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion"),
    "llm.usage.completion_tokens",
)
CACHE_READ = (
    *("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"),
    *("gen_ai.usage.details.cache_read_tokens", "llm.token_count.prompt_details.cache_read"),
    "llm.token_count.prompt_details.cache_input",
)
CACHE_WRITE = (
    *("gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens"),
    *("gen_ai.usage.cache_creation_input_tokens", "gen_ai.usage.details.cache_write_tokens"),
    "llm.token_count.prompt_details.cache_write",
)
REASONING = (
    *("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens"),
    *(
        "gen_ai.usage.details.reasoning_tokens",
        "llm.token_count.completion_details.reasoning",
        "llm.usage.reasoning_tokens",
    ),
)
COST_USD = ("gen_ai.usage.cost", "operation.cost", "llm.cost.total")
FIRST_CHUNK_S = ("gen_ai.response.time_to_first_chunk", "gen_ai.client.operation.time_to_first_chunk")
FINISH = (
    *("gen_ai.response.finish_reasons", "llm.finish_reason", "llm.response.finish_reason"),
    *("llm.response.stop_reason", "gen_ai.completion.0.finish_reason"),
)
TOOL = ("gen_ai.tool.name", "tool.name")
TOOL_OF_ENTITY = ("traceloop.entity.name",)
TOOL_CALL = ("gen_ai.tool.call.id", "tool_call.id", "tool.id", "message.tool_call_id")
ARGUMENTS = ("gen_ai.tool.call.arguments", "tool_arguments", "input.value", "traceloop.entity.input")
RESULT = ("gen_ai.tool.call.result", "tool_response", "output.value", "traceloop.entity.output")
ANSWER = ("gen_ai.completion.0.content", "llm.output_messages.0.message.content", "gen_ai.completion")
"""What a model said, as plain text; `gen_ai.output.messages` is looked at before these, `output.value` after them."""
OUTCOME = ("final_result", "output.value", "traceloop.entity.output")
"""What an agent ended with."""
CONFIG = (
    *("flyball.config.digest", "gen_ai.agent.version", "gen_ai.prompt.version"),
    *("traceloop.prompt.version_hash", "traceloop.prompt.version", "traceloop.entity.version"),
    *("llm.prompt_template.version", "prompt.id"),
)
INSTRUCTIONS = ("gen_ai.system_instructions", "llm.prompt_template.template", "traceloop.prompt.template")
DIGEST = "flyball.tool.arguments.digest"
COMMIT = ("vcs.ref.head.revision",)
BRANCH = ("vcs.ref.head.name",)
DIRTY = "flyball.vcs.dirty"
GUARD_EVENT = "flyball.guard.decision"
GUARD_ID = ("flyball.guard.decision.id",)
GUARD_ACTION = ("flyball.guard.action", "flyball.guard.decision.action")
GUARD_WOULD = ("flyball.guard.would", "flyball.guard.decision.would")
GUARD_RULES = ("flyball.guard.rules", "flyball.guard.decision.rules")
REQUESTED = "flyball.tool.requested"
"""Our SDK's event on the span of a model's call: it asked for a tool."""
ERROR_TYPE = "error.type"
MESSAGE = ("exception.message", "error.message", "error")
UNNAMED_ERROR = "_OTHER"
"""OpenTelemetry's `error.type` of an error that has no type."""
