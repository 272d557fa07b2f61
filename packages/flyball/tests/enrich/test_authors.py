"""Who wrote a change: what tells of an agent, what of a human, and what of neither."""

from __future__ import annotations

import pytest
from flyball.enrich.authors import author_kind
from flyball.model.change import AuthorKind


@pytest.mark.parametrize(
    ("author", "message", "kind"),
    [
        ("Ada", "Fix it", AuthorKind.UNKNOWN),
        ("", "", AuthorKind.UNKNOWN),
        ("Ada", "Fix it\n\nSigned-off-by: Ada <ada@example.com>", AuthorKind.HUMAN),
        ("Ada", "Fix it\n\nCo-Authored-By: Claude <noreply@anthropic.com>", AuthorKind.AGENT),
        (
            "Ada",
            "Fix it\n\nSigned-off-by: Ada <ada@example.com>\nCo-authored-by: Claude <noreply@anthropic.com>",
            AuthorKind.AGENT,
        ),
        ("Ada", "Fix it\n\nCo-authored-by: Grace <grace@example.com>", AuthorKind.UNKNOWN),
        ("Ada", "Fix it\n\nAssisted-by: Codex:gpt-5", AuthorKind.AGENT),
        ("Ada", "Fix it\n\nGenerated-by: a tool of ours", AuthorKind.AGENT),
        (
            "Ada",
            "Fix it\n\n🤖 Generated with [Claude Code](https://claude.com/claude-code)",
            AuthorKind.AGENT,
        ),
        ("dependabot[bot]", "Bump it", AuthorKind.AGENT),
        ("copilot-swe-agent[bot]", "Fix it", AuthorKind.AGENT),
        (
            "Ada",
            "Fix it\n\nCo-authored-by: Copilot <175728472+Copilot@users.noreply.github.com>",
            AuthorKind.AGENT,
        ),
        ("Claude Bernard", "Fix it\n\nSigned-off-by: Claude Bernard <claude@example.com>", AuthorKind.HUMAN),
        ("Ada", "Generated-by is a trailer\n\nSigned-off-by: Ada <ada@example.com>", AuthorKind.HUMAN),
        ("Ada", "Assisted-by:", AuthorKind.UNKNOWN),
    ],
)
def test_trailers_and_authors_tell(author: str, message: str, kind: AuthorKind) -> None:
    assert author_kind(author, message) is kind


def test_a_long_message_is_read_from_its_end() -> None:
    assert author_kind("Ada", "word " * 10_000 + "\n\nAssisted-by: Codex") is AuthorKind.AGENT
    assert author_kind("Ada", "Assisted-by: Codex\n" + "line\n" * 100) is AuthorKind.UNKNOWN
