"""The real Claude Code and Codex in a home of their own, driven by a scripted model; no key, no network."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from flyball.hook import install as put_in
from flyball.hook import status as look
from flyball.hook.claude import Via
from flyball.hook.command import Client, Fail
from flyball.hook.installed import Installed
from harness.scripted_model import Model, Tool

BUILD = Path(__file__).resolve().parents[4] / "build" / "agents"
RUN_S = 120
_CONFIG = """\
model = "scripted"
model_provider = "scripted"
approval_policy = "never"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false
[analytics]
enabled = false
[model_providers.scripted]
name = "scripted"
base_url = "http://127.0.0.1:{port}/v1"
wire_api = "responses"
env_key = "SCRIPTED_KEY"
request_max_retries = 0
stream_max_retries = 0
"""


@dataclass(frozen=True)
class Cli:
    """One installed client."""

    client: Client
    version: str
    program: Path

    def __str__(self) -> str:
        return f"{self.client}-{self.version}"


def clis() -> list[Cli]:
    """What `make e2e-agents` has installed, newest first."""
    found: list[Cli] = []
    clients: tuple[Client, ...] = ("claude-code", "codex")
    for client in clients:
        for folder in sorted(BUILD.glob(f"{client}-*"), reverse=True):
            program = folder / "node_modules" / ".bin" / {"claude-code": "claude", "codex": "codex"}[client]
            if program.exists():
                found.append(Cli(client, folder.name.removeprefix(f"{client}-"), program))
    return found


def each_cli(*clients: Client) -> pytest.MarkDecorator:
    """Parametrizes a test over the clients that are here; where there is none the reason is printed."""
    here = [cli for cli in clis() if not clients or cli.client in clients]
    missing = pytest.param(
        None, marks=pytest.mark.skip(reason="no coding agent here: `make e2e-agents` installs them")
    )
    return pytest.mark.parametrize("cli", here or [missing], ids=str)


@dataclass
class Agent:
    """A client with its own home, project and environment."""

    cli: Cli
    root: Path
    model: Model
    home: Path = field(init=False)
    work: Path = field(init=False)
    extra: dict[str, str] = field(default_factory=dict[str, str])
    arguments: list[str] = field(default_factory=list[str])
    """On every run."""
    before: dict[str, str] = field(default_factory=dict[str, str])
    data: Path | None = None
    """The server's data folder, where it is a real one's."""

    def __post_init__(self) -> None:
        self.home, self.work = self.root / "home", self.root / "work"
        for folder in (self.home, self.work, self.root / "data"):
            folder.mkdir(parents=True, exist_ok=True)
        if self.cli.client == "codex":
            (self.home / ".codex").mkdir(exist_ok=True)
            (self.home / ".codex" / "config.toml").write_text(_CONFIG.format(port=self.model.port))

    @property
    def environment(self) -> Mapping[str, str]:
        """As small as the client runs in."""
        path = f"{self.cli.program.parent}:{os.environ['PATH']}"
        return {
            "HOME": str(self.home), "PATH": path, "CODEX_HOME": str(self.home / ".codex"), "SCRIPTED_KEY": "none",
            "CLAUDE_CONFIG_DIR": str(self.home / ".claude"),
            "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{self.model.port}", "ANTHROPIC_API_KEY": "none",
            "DISABLE_TELEMETRY": "1", "DISABLE_AUTOUPDATER": "1", "DISABLE_ERROR_REPORTING": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "IS_SANDBOX": "1", **self.extra,
        }  # fmt: skip

    @property
    def place(self) -> put_in.Place:
        """For install and status."""
        return put_in.Place(
            client=self.cli.client, guard_folder=(self.data or self.root / "data") / "guard",
            environment=self.environment, folder=self.work,
        )  # fmt: skip

    def install(
        self, port: int, *, fail: Fail = "closed", via: Via = "command", trust: bool = True,
        scope: Literal["user", "project"] = "user",
    ) -> Installed:  # fmt: skip
        """Put the hook in, as `flyball install` does."""
        return put_in.install(self.place, scope=scope, fail=fail, via=via, port=port, trust=trust)

    def status(self) -> look.Status:
        """As `flyball status` tells it."""
        return look.status(self.place)

    def shell(self, command: str) -> Tool:
        """The client's tool that runs a shell command."""
        if self.cli.client == "codex":
            return Tool("exec_command", {"cmd": command})
        return Tool("Bash", {"command": command, "description": "as the script says"})

    def run(
        self, *script: Tool, arguments: Sequence[str] = (), permissions: str = "bypassPermissions"
    ) -> str:
        """Let the client go through the script; what it printed."""
        self.model.script, self.model.requests[:] = list(script), []
        if self.cli.client == "codex":
            command = ["exec", "--skip-git-repo-check", "--json", *self.arguments, *arguments, "go"]
        else:
            command = [
                "-p",
                "go",
                "--permission-mode",
                permissions,
                "--output-format",
                "stream-json",
                "--verbose",
            ]
            command += [*self.arguments, *arguments]
        done = subprocess.run(
            [self.cli.program, *command], cwd=self.work, env=self.environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=RUN_S, check=False,
        )  # fmt: skip
        assert len(self.model.results()) == len(script), done.stdout[-3000:] + done.stderr[-2000:]
        return done.stdout

    def resume(self, *script: Tool) -> str:
        """Go on with the session that ran last: an approval holds in its session alone."""
        done = len(self.model.results())
        before = list(self.model.script[:done])
        self.model.script, self.model.requests[:] = [*before, *script], []
        if self.cli.client == "codex":
            command = ["exec", "--skip-git-repo-check", "--json", "resume", "--last", "go on"]
        else:
            command = ["-c", "-p", "go on", "--permission-mode", "bypassPermissions"]
        subprocess.run(
            [self.cli.program, *command], cwd=self.work, env=self.environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=RUN_S, check=False,
        )  # fmt: skip
        said = self.model.results()
        assert len(said) == done + len(script), said
        return said[-1]

    def made(self, name: str = "made") -> bool:
        """Whether a call's side effect is there."""
        return (self.work / name).exists()
