"""Settings: what a user may choose, with defaults that need no file.

Sources, the first wins: command line, environment (`FLYBALL_PORT=...`), the YAML file given by `--config`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    YamlConfigSettingsSource,
)

from flyball.component.http_guard import is_loopback
from flyball.errors import ConfigurationError
from flyball.folders import default_folder

_PROVIDERS = ("anthropic", "openai", "ollama")


class Settings(BaseSettings):
    """The settings of one server process."""

    model_config = SettingsConfigDict(env_prefix="FLYBALL_", extra="forbid", frozen=True)

    data_folder: Path = Field(
        default_factory=default_folder, description="The one folder that holds all data"
    )
    host: str = Field(
        default="127.0.0.1", description="Address to listen on; anything but loopback needs a token"
    )
    port: int = Field(default=4320, ge=1, le=65535, description="Web, REST, MCP; OTLP/HTTP too")
    otlp_http_port: int = Field(default=4318, ge=1, le=65535, description="OTLP/HTTP")
    otlp_grpc_port: int = Field(default=4317, ge=1, le=65535, description="OTLP/gRPC")
    token: str = Field(default="", description="What every client must present; required beyond loopback")
    allowed_hosts: tuple[str, ...] = Field(
        default=(), description="Names besides loopback this server is reached by"
    )
    raw_hours: int = Field(default=24, ge=1, le=24 * 400, description="How long raw rows are kept")
    disk_bytes_max: int = Field(
        default=10_000_000_000, ge=50_000_000, description="Budget of the telemetry store"
    )
    free_bytes_min: int = Field(
        default=500_000_000, ge=0, description="Below this free space nothing is received"
    )
    model: str = Field(
        default="",
        description="Language model beside the diagnosis, as `provider:name` (anthropic, openai, ollama); empty is off",
    )
    model_base_url: str = Field(
        default="",
        description="Address of the model where it is not the provider's own (any OpenAI-compatible)",
    )
    model_log: bool = Field(default=True, description="Keep what was sent to the model and what came back")
    model_calls_max: int = Field(default=8, ge=1, le=100, description="Calls of the model for one incident")
    model_tokens_max: int = Field(
        default=100_000, ge=1_000, le=10_000_000, description="Tokens for one incident, in and out"
    )
    model_usd_max: float = Field(
        default=0.5,
        gt=0,
        le=1_000,
        description="US dollars for one incident, where the model's price is known",
    )
    model_seconds_max: float = Field(default=60, gt=0, le=3_600, description="Seconds for one incident")
    model_day_calls_max: int = Field(default=200, ge=1, description="Calls of the model in a day (UTC)")
    model_day_tokens_max: int = Field(default=2_000_000, ge=1_000, description="Tokens in a day")
    model_day_usd_max: float = Field(default=5, gt=0, description="US dollars in a day")
    model_day_seconds_max: float = Field(default=3_600, gt=0, description="Seconds in a day")
    guard_log_bytes_max: int = Field(
        default=2_000_000_000, ge=200_000_000, description="Budget of the log of the guard's decisions"
    )
    guard_anchor: str = Field(
        default="",
        description="Where the end of that log is anchored: a file elsewhere, or an http(s) address; empty is nowhere",
    )
    receivers: dict[str, dict[str, Any]] = Field(
        default_factory=dict[str, dict[str, Any]], description="Further receivers by name, with their fields"
    )

    @field_validator("token")
    @classmethod
    def _long_enough(cls, token: str) -> str:
        if token and len(token) < 16:  # noqa: PLR2004
            raise ValueError("a token has at least 16 characters; `openssl rand -hex 16` makes one")
        return token

    @field_validator("model")
    @classmethod
    def _provider_and_name(cls, model: str) -> str:
        provider, _, name = model.partition(":")
        if model and (provider not in _PROVIDERS or not name):
            known = ", ".join(_PROVIDERS)
            raise ValueError(f"a model is provider:name, such as ollama:qwen3; the providers are {known}")
        return model

    @field_validator("model_base_url")
    @classmethod
    def _of_the_web(cls, url: str) -> str:
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("an address begins with http:// or https://, such as http://127.0.0.1:8080/v1")
        return url

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line, then environment, then file; no .env file is read."""
        del dotenv_settings, file_secret_settings
        return (init_settings, env_settings, YamlConfigSettingsSource(settings_cls))


def load(file: Path | None = None, **given: Any) -> Settings:
    """The settings from the command line, the environment and a YAML file; a value of None was not given.

    Raises:
        ConfigurationError: names the key, the value and what it should be.
    """

    class FromFile(Settings):
        model_config = SettingsConfigDict(yaml_file=file)

    if file is not None and not file.is_file():
        raise ConfigurationError(f"{file} is no file")
    try:
        settings = FromFile(**{key: value for key, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "settings"
        raise ConfigurationError(f"{name} = {first['input']!r}: {first['msg']}") from error
    except (SettingsError, yaml.YAMLError, TypeError) as error:
        raise ConfigurationError(f"the settings cannot be read: {error}") from error
    if not is_loopback(settings.host) and not settings.token:
        raise ConfigurationError(
            f"host = {settings.host!r} can be reached from other machines, which needs a token:"
            " FLYBALL_TOKEN=$(openssl rand -hex 16) flyball up --host ..."
        )
    return settings
