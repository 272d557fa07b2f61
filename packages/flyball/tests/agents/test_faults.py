"""Whatever breaks, a hook that fails closed runs nothing, and one that fails open runs it and says so."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from flyball.hook import canary, claude, codex, command, installed
from flyball.hook.claude import FAILS_CLOSED_FROM, version_of
from flyball.hook.command import Fail
from harness.agents import Agent, each_cli
from harness.scripted_guard import FAULTS, Fault, Guard

pytestmark = pytest.mark.e2e

IN_THE_HOOK: dict[str, Callable[[Path], object]] = {
    "the hook is gone": lambda alone: [path.unlink() for path in alone.glob("*.*")],
    "the hook crashes": lambda alone: _becomes(alone, "raise SystemError('broken')\n", "kill -SEGV $$\n"),
    "the hook ends early with 0 and says junk": lambda alone: _becomes(
        alone, "print('{bad')\n", "echo '{bad'\n"
    ),
    "the hook hangs": lambda alone: _becomes(alone, "import time\ntime.sleep(60)\n", "sleep 60\n"),
    "a module of the hook is broken": lambda alone: [
        _write(path, "(") for path in (*alone.rglob("process*"), alone / "relay.bash")
    ],
}
NOT_FAULTS_THE_WRAPPER_CAN_SEE = {"the hook ends early with 0 and says junk"}
"""A hook that was replaced by one that ends with 0: nothing notices but `status`."""


def _becomes(alone: Path, python: str, bash: str) -> None:
    _write(alone / "run.py", python)
    _write(alone / "relay.bash", bash)


def _write(path: Path, text: str) -> None:
    path.chmod(0o600)
    path.write_text(text)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same order of times as an installation has, in a third of it: relay, answer, hook, client."""
    monkeypatch.setattr(command, "DEADLINE_MS", 700)
    monkeypatch.setattr(command, "_TIMEOUT_S", 2)
    for where in (claude, codex, canary):
        monkeypatch.setattr(where, "CLIENT_TIMEOUT_S", 4)


@each_cli()
@pytest.mark.parametrize("fail", ["closed", "open"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_guard_that_fails(bare: Agent, guard: Guard, fault: Fault, fail: Fail) -> None:
    bare.install(guard.port, fail=fail)
    guard.fault = fault
    said = bare.run(bare.shell("touch made"))
    assert bare.made() == (fail == "open")
    status = bare.status()
    assert status.state == "not guarding"
    if fail == "open":
        assert status.failures["unguarded"] == 2  # the session's canary and the call
        print(f"{bare.cli}: the client prints the hook's word: {'UNGUARDED' in said}")  # noqa: T201
    else:
        assert status.failures["stopped"] == 2
        assert "fails closed" in bare.model.results()[0] or "no answer" in bare.model.results()[0]


@each_cli()
@pytest.mark.parametrize("fail", ["closed", "open"])
def test_a_guard_that_is_not_there(bare: Agent, fail: Fail) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens on it
        bare.install(taken.getsockname()[1], fail=fail)
        bare.run(bare.shell("touch made"))
        assert bare.made() == (fail == "open")
        status = bare.status()
    assert status.state == "not guarding"
    if fail == "closed":
        assert "`flyball up`" in bare.model.results()[0]


@each_cli()
@pytest.mark.parametrize("fail", ["closed", "open"])
def test_an_interpreter_that_is_gone(
    bare: Agent, guard: Guard, fail: Fail, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = bare.root / "python"
    python.symlink_to(installed.python())
    monkeypatch.setattr(installed, "python", lambda: python)
    bare.install(guard.port, fail=fail)
    python.unlink()
    guard.fault = "crash"  # what an answer needs no Python for, the relay gives
    bare.run(bare.shell("touch made"))
    assert bare.made() == (fail == "open")
    assert any("Python of the hook is gone" in why for why in bare.status().why)


@each_cli()
@pytest.mark.parametrize("fail", ["closed", "open"])
@pytest.mark.parametrize("fault", IN_THE_HOOK)
def test_a_hook_that_fails(bare: Agent, guard: Guard, fault: str, fail: Fail) -> None:
    bare.install(guard.port, fail=fail)
    IN_THE_HOOK[fault](bare.place.guard_folder / "hook" / "alone")
    bare.run(bare.shell("touch made"))
    assert bare.made() == (fail == "open" or fault in NOT_FAULTS_THE_WRAPPER_CAN_SEE)
    status = bare.status()
    assert status.state == "not guarding"
    assert any("not those that were installed" in why for why in status.why)


@each_cli("claude-code")
@pytest.mark.parametrize("fail", ["closed", "open"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_guard_that_fails_over_http(bare: Agent, guard: Guard, fault: Fault, fail: Fail) -> None:
    if fail == "closed" and version_of(bare.cli.version) < FAILS_CLOSED_FROM:
        pytest.skip(
            "this version's HTTP hooks fail open, and `flyball install` refuses them (test_install.py)"
        )
    bare.install(guard.port, fail=fail, via="http")
    guard.fault = fault
    bare.run(bare.shell("touch made"))
    # over HTTP it is the server that speaks the client's words: another program's object there is an allow to it
    assert bare.made() == (fail == "open" or fault == "no action")
    assert bare.status().state == "not guarding"


@each_cli()
def test_a_hook_without_its_token_stops_everything(agent: Agent) -> None:
    (agent.place.guard_folder / "tokens" / f"{agent.cli.client}.token").unlink()
    agent.run(agent.shell("touch made"))
    assert not agent.made()
    assert any("token is gone" in why for why in agent.status().why)


@each_cli("codex")
def test_codex_without_trust_runs_everything_and_status_says_so(bare: Agent, guard: Guard) -> None:
    bare.install(guard.port, trust=False)
    bare.run(bare.shell("touch made # BLOCK"))
    assert bare.made()
    status = bare.status()
    assert status.state == "not guarding"
    assert "nobody has trusted it" in json.dumps(status.why)
