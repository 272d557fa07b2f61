"""Who wrote a change: a human or an agent, as far as its author and the trailers of its message tell.

An author's name alone tells nothing: agents commit under the names of those they work for. What tells of an agent is
a trailer that says so (`Assisted-by:`, `Generated-by:`), an agent or bot as author or co-author, or the line with
which some sign (`Generated with Claude Code`). `Signed-off-by:` tells of a human, because an agent cannot certify
where code comes from; but one who signs off what an agent wrote has not written it.
Source: git-interpret-trailers(1); Linux, Documentation/process/coding-assistants.rst (`Assisted-by:`)
"""

from __future__ import annotations

import re

from flyball.model.change import AuthorKind

TRAILERS_MAX = 50
"""Last lines of a message that may hold trailers."""

_TRAILER = re.compile(r"([A-Za-z][A-Za-z-]{1,40}):\s+(\S.{0,300})")
_BY_AGENT = {"assisted-by", "generated-by", "ai-assisted-by", "ai-generated-by"}
_AUTHORS = {"co-authored-by", "author", "authored-by", "committed-by"}
_AGENTS = re.compile(
    r"(?i)\[bot\]|\b(?:noreply|codex|copilot|cursoragent|claude)@(?:anthropic|openai|github|cursor)\.com\b"
    r"|\+copilot@users\.noreply\.|\b(?:claude[ -](?:code|opus|sonnet|haiku|\d)|copilot|codex|cursor[ -]?agent|devin[ -]ai"
    r"|gemini[ -](?:cli|code|\d)|google jules|aider|openhands|opencode|windsurf)\b"
)
"""Programs that write code, by the names and addresses under which they commit. Claude, Devin or Jules alone may be
somebody's first name."""
_SIGNED = re.compile(
    r"(?im)^\W{0,4}generated (?:with|by) \[?(?:claude|codex|copilot|cursor|devin|gemini|jules|aider|amp)\b"
)


def author_kind(author: str, message: str) -> AuthorKind:
    """Whether a change of this author and commit message was written by a human or an agent."""
    last = message.strip().splitlines()[-TRAILERS_MAX:]
    trailers = [(found[1].lower(), found[2]) for line in last if (found := _TRAILER.match(line.strip()))]
    writers = [author, *(value for key, value in trailers if key in _AUTHORS)]
    if any(key in _BY_AGENT for key, _ in trailers) or any(_AGENTS.search(writer) for writer in writers):
        return AuthorKind.AGENT
    if _SIGNED.search("\n".join(last)):
        return AuthorKind.AGENT
    signed = [value for key, value in trailers if key == "signed-off-by"]
    if any(not _AGENTS.search(value) for value in signed):
        return AuthorKind.HUMAN
    return AuthorKind.UNKNOWN
