"""Rules about what a tool server asks of its client, by way of `flyball guard proxy`.

They stop in every mode: nobody is used to such requests, so that recording alone would protect nobody. The
policy named `default` lets them pass: `changes: {mcp.sampling: allow}`; the strictest policy wins, so another one cannot.
"""

from __future__ import annotations

from flyball_sdk.guard.rule import Rule
from flyball_sdk.guard.rules.write import tool

RULES = (
    Rule(
        id="mcp.sampling",
        title="has the agent's model write what a tool server asks for",
        acts=("mcp.sampling",),
        action="ask",
        mode="enforce",
        severity="high",
        safer="let the server call a model of its own",
        hits=(tool("mcp__notes__sampling", messages=[], maxTokens=10),),
        passes=(tool("mcp__notes__list", path="."), tool("sampling", rate=1)),
    ),
    Rule(
        id="mcp.elicitation",
        title="has the user asked for what a tool server wants to know",
        acts=("mcp.elicitation",),
        action="ask",
        mode="enforce",
        severity="high",
        safer="give the server what it needs in its settings",
        hits=(tool("mcp__notes__elicitation", message="Your password?"),),
        passes=(tool("mcp__notes__get", path="elicitation"),),
    ),
)
