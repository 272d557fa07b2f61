"""What `init` does to a process: it imports nothing heavy, finds clients when they come, and knows the checkout."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from flyball_sdk import span
from flyball_sdk.tracing import checkout
from flyball_sdk.tracing.checkout import Checkout
from model_servers import Provider
from spans_held import Spans, attributes


def python(script: str) -> str:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True, timeout=60
    ).stdout


def test_importing_it_imports_nothing() -> None:
    script = "import sys, flyball_sdk; print({name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names)"
    assert "opentelemetry" not in python(script)
    assert "flyball_sdk" in python(script)


def test_init_imports_no_client_and_no_guard() -> None:
    script = """
import sys
from flyball_sdk import init
init(service="t")
print([name for name in ("anthropic", "openai", "litellm", "flyball_sdk.guard.guard", "tree_sitter") if name in sys.modules])
"""
    assert python(script).strip() == "[]"


def test_without_the_guards_extra_everything_is_traced(provider: Provider) -> None:
    script = f"""
import sys
for name in ("re2", "tree_sitter", "tree_sitter_bash", "sqlglot", "yaml"): sys.modules[name] = None
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
held, own = InMemorySpanExporter(), TracerProvider()
own.add_span_processor(SimpleSpanProcessor(held))
from flyball_sdk import agent, init, tool
init(service="t", tracer_provider=own)
import openai
gpt = openai.OpenAI(api_key="k", base_url="{provider.url}/v1")
look = tool("Bash")(lambda command: command)
with agent("a"):
    look("ls")
    gpt.responses.create(model="gpt-x", input="tools")
    list(gpt.responses.create(model="gpt-x", input="tools", stream=True))
print([one.name for one in held.get_finished_spans()])
"""
    assert python(script).strip() == "['execute_tool Bash', 'chat gpt-x', 'chat gpt-x', 'invoke_agent a']"


def test_a_client_that_is_imported_later_is_traced_and_its_module_is_whole() -> None:
    script = """
import sys
from flyball_sdk import init
init(service="t", endpoint="http://127.0.0.1:9")
import openai, importlib, inspect
assert openai._base_client.SyncAPIClient.request.__wrapped__
assert inspect.getsource(openai).strip() and openai.__spec__.loader is openai.__loader__
assert "integrations" not in type(openai.__loader__).__module__
init(service="t")  # again: nothing is patched twice
assert not hasattr(openai._base_client.SyncAPIClient.request.__wrapped__, "__wrapped__")
print("ok")
"""
    assert python(script).strip() == "ok"


def test_anthropics_own_span_is_not_emitted_beside_ours(provider: Provider) -> None:
    script = f"""
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
held, own = InMemorySpanExporter(), TracerProvider()
own.add_span_processor(SimpleSpanProcessor(held))
trace.set_tracer_provider(own)
from flyball_sdk import init
init(service="t")
import anthropic
client = anthropic.Anthropic(api_key="k", base_url={provider.url!r})
client.messages.create(model="claude-x", max_tokens=5, messages=[{{"role": "user", "content": "text"}}])
with client.messages.stream(model="claude-x", max_tokens=5, messages=[{{"role": "user", "content": "text"}}]) as stream:
    stream.get_final_text()
print([one.name for one in held.get_finished_spans()])
"""
    assert python(script).strip() == "['chat claude-x', 'chat claude-x']"


def git(folder: Path, *words: str) -> str:
    name = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *name, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "feature/x")
    (folder / "a.py").write_text("1\n")
    git(folder, "add", "a.py")
    git(folder, "commit", "-qm", "c")
    return folder


def known(folder: Path, attribute: str = "flyball.vcs.dirty") -> dict[str, str | bool]:
    """What is known once git has answered."""
    found = Checkout(folder)
    until = time.monotonic() + 5
    while attribute not in found.attributes and time.monotonic() < until:
        time.sleep(0.01)
    return found.attributes


def test_commit_branch_and_whether_it_is_dirty(repository: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    expected = {"vcs.ref.head.revision": head, "vcs.ref.head.name": "feature/x"}
    (repository / "sub").mkdir()
    assert known(repository / "sub") == expected | {"flyball.vcs.dirty": False}
    (repository / "a.py").write_text("2\n")
    assert known(repository) == expected | {"flyball.vcs.dirty": True}


def test_a_second_working_copy_packed_references_and_a_detached_head(
    repository: Path, tmp_path: Path
) -> None:
    head = git(repository, "rev-parse", "HEAD")
    git(repository, "worktree", "add", "-q", "-b", "other", str(tmp_path / "other"))
    assert known(tmp_path / "other")["vcs.ref.head.revision"] == head
    git(repository, "pack-refs", "--all")
    assert known(repository)["vcs.ref.head.revision"] == head
    git(repository, "checkout", "-q", "--detach")
    told = known(repository)
    assert told["vcs.ref.head.revision"] == head
    assert "vcs.ref.head.name" not in told


def test_what_is_no_repository_or_a_broken_one_is_told_of_nothing(tmp_path: Path) -> None:
    assert Checkout(tmp_path).attributes == {}
    (tmp_path / ".git").write_text("gitdir: /nowhere")
    assert Checkout(tmp_path).attributes == {}


def test_a_git_that_hangs_is_given_up(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 30\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:/bin:/usr/bin")
    monkeypatch.setattr(checkout, "GIT_S", 0.1)
    began = time.perf_counter()
    found = Checkout(repository)
    assert time.perf_counter() - began < 0.1
    time.sleep(0.3)
    assert "flyball.vcs.dirty" not in found.attributes


def test_spans_tell_the_checkout(repository: Path, traced: Callable[..., Spans]) -> None:
    spans = traced(repository=repository)
    with span("s"):
        time.sleep(0.3)
    told = attributes(spans.one())
    assert told["vcs.ref.head.name"] == "feature/x"
    assert told["flyball.vcs.dirty"] is False
