"""The settings of a language model are refused by name where they cannot be used."""

from __future__ import annotations

import pytest
from flyball.errors import ConfigurationError
from flyball.settings import load


def test_without_a_word_there_is_no_model() -> None:
    assert load().model == ""


@pytest.mark.parametrize("model", ["ollama:qwen3:8b", "openai:gpt-x", "anthropic:claude-x"])
def test_a_model_is_provider_and_name(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYBALL_MODEL", model)
    assert load().model == model


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model", "gpt-x"),
        ("model", "nobody:gpt-x"),
        ("model", "openai:"),
        ("model_base_url", "localhost:8080"),
        ("model_base_url", "file:///etc/passwd"),
        ("model_calls_max", "0"),
        ("model_usd_max", "-1"),
    ],
)
def test_what_cannot_be_used_is_named(key: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"FLYBALL_{key.upper()}", value)
    with pytest.raises(ConfigurationError, match=f"^{key} = "):
        load()
