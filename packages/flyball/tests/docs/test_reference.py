"""The committed reference is what the code says, and the generator refuses what has no description."""

from __future__ import annotations

import dataclasses
import importlib.metadata

import pytest
import reference
from flyball.cli.main import app
from flyball.queries.questions import QUESTIONS
from flyball.settings import Settings


def test_the_committed_pages_are_what_the_code_says() -> None:
    made = reference.pages()
    committed = {path.name: path.read_text() for path in reference.FOLDER.glob("*.md")}
    assert set(committed) == set(made)
    differ = [name for name, text in made.items() if committed[name] != text]
    assert differ == [], "run `make reference`"


def test_everything_a_user_can_touch_is_there() -> None:
    made = reference.pages()
    assert all(f"`{name}`" in made["settings.md"] for name in Settings.model_fields)
    assert all(f"GET /api/v1{question.path}\n" in made["rest.md"] for question in QUESTIONS)
    assert "## POST /api/v1/changes\n" in made["rest.md"]
    assert all(
        f"## {point.name}\n" in made["receivers.md"]
        for point in importlib.metadata.entry_points(group="flyball.receivers")
    )
    for command in ("up", "demo", "distill", "whats-new", "verify", "mcp", "changes", "changes add"):
        assert f"## flyball {command}\n" in made["cli.md"]
    assert all(f"| {code} |" in made["cli.md"] for code in (0, 1, 2, 3, 4, 130))


def test_a_command_without_words_is_refused() -> None:
    reference.cli()

    @app.command("wordless")
    def wordless(*, number: int = 1) -> None:
        del number

    try:
        with pytest.raises(reference.Undescribed, match="flyball wordless"):
            reference.cli()
        wordless.__doc__ = "Now it says something."
        app.registered_commands[-1].help = "Now it says something."
        with pytest.raises(reference.Undescribed, match="flyball wordless number"):
            reference.cli()
    finally:
        app.registered_commands.pop()


def test_a_receiver_field_without_words_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "_field_docs", lambda _: {})
    with pytest.raises(reference.Undescribed, match=r"receiver file\.paths"):
        reference.receivers()


def test_a_setting_without_words_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Settings.model_fields["port"], "description", None)
    with pytest.raises(reference.Undescribed, match="setting port"):
        reference.settings()


def test_a_question_without_words_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    ask = dataclasses.replace(QUESTIONS[0], ask=_wordless)
    monkeypatch.setattr("flyball.api.routes.QUESTIONS", (ask, *QUESTIONS[1:]))
    with pytest.raises(reference.Undescribed, match="GET /api/v1/whats-new"):
        reference.rest()


async def _wordless(ports: object, *, service: str = "") -> None:
    del ports, service
