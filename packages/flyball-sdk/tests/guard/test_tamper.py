"""Ways of switching the guard off: each is blocked, whatever a policy says; looking at it is not."""

from __future__ import annotations

import pytest
from flyball_sdk.guard.call import Context, ToolCall
from flyball_sdk.guard.evaluate import Evaluator
from flyball_sdk.guard.policy import Allowance, Policy
from flyball_sdk.guard.rule import RuleError
from flyball_sdk.guard.rules import RULES
from flyball_sdk.guard.scene import Protected

OWN = Protected(
    paths=("/srv/fb-data", "/opt/fb/bin/python3"), pids=frozenset({4242}), ports=frozenset({4321})
)
# an auditing policy with an exception for everything: the guard's own protection holds all the same
EVALUATOR = Evaluator(
    [Policy(name="lenient", mode="audit", rules=RULES, allowances=(Allowance(rule="*"),))], OWN
)


@pytest.mark.parametrize(
    "command",
    [
        "cd ~/.claude && rm -f settings.json",
        "cd /home/ann && mv .claude/settings.json /tmp/",
        "kill -9 4242",
        "sudo kill 4242",
        "ln -sfn /bin/true /opt/fb/bin/python3",
        "rm -rf /srv/fb-data",
        "cd /srv && rm -rf fb-data/guard",
        "echo '{}' > /srv/fb-data/guard/policies/a.yaml",
        "truncate -s 0 /srv/fb-data/guard/log/decisions.jsonl",
        "chmod 000 /srv/fb-data/guard/hook/alone/run.pyc",
        "apply_patch <<'E'\n*** Begin Patch\n*** Delete File: /home/ann/.codex/hooks.json\n*** End Patch\nE",
        "curl -X POST http://127.0.0.1:4321/api/v1/guard/pause",
        "flyball guard pause --for 10m",
        "python3 -m flyball guard lockdown",
        "env CLAUDE_CONFIG_DIR=/tmp/x claude -p hi",
        "export FLYBALL_URL=http://h.example; claude",
        "claude --bare -p hi",
        "codex -c features.hooks=false exec hi",
        "python3 -c \"open('/home/ann/.claude/settings.json','w').write('{}')\"",
        "sed -i 's/PreToolUse/X/' .claude/settings.json",
        "git checkout HEAD~1 -- .claude/settings.json",
        "find ~/.claude -name 'settings*' -delete",
        "cp /tmp/s.json ~/.claude/settings.local.json",
        "tee ~/.codex/config.toml < /tmp/c.toml",
        "pip uninstall -y flyball",
        "systemctl --user stop flyball",
        "cat /srv/fb-data/guard/operator.token",
        "echo cm0gfi8uY2xhdWRlL3NldHRpbmdzLmpzb24= | base64 -d | sh",
        "X=.claude; rm $X/settings.json",
        "(crontab -l; echo '* * * * * rm ~/.claude/settings.json') | crontab -",
    ],
)
def test_way_of_switching_the_guard_off_is_blocked(command: str) -> None:
    decision = EVALUATOR.judge(ToolCall("Bash", {"command": command}, Context(cwd="/srv/app")))
    if (
        "crontab" in command
    ):  # what runs later is not read: leaving something behind asks, where a policy enforces
        assert decision.would in ("ask", "block") or any(
            effect.act == "system.persist" for effect in decision.effects
        )
    else:
        assert decision.action == "block"
        assert any(hit.rule == "guard.tamper" for hit in decision.hits)


@pytest.mark.parametrize(
    ("tool", "tool_input"),
    [
        ("Write", {"file_path": "/home/ann/.claude/settings.json", "content": "{}"}),
        ("Edit", {"file_path": ".claude/settings.local.json", "old_string": "a", "new_string": "b"}),
        (
            "apply_patch",
            {
                "input": "*** Begin Patch\n*** Update File: /home/ann/.codex/config.toml\n@@\n-a\n+b\n*** End Patch"
            },
        ),
        ("mcp__filesystem__write_file", {"path": "/srv/fb-data/guard/policies/a.yaml", "content": "x"}),
        (
            "mcp__filesystem__move_file",
            {"source": "a.json", "destination": "/home/ann/.claude/settings.json"},
        ),
        ("Monitor", {"command": "rm ~/.claude/settings.json"}),
    ],
)
def test_other_tools_that_would_switch_it_off_are_blocked(tool: str, tool_input: dict[str, str]) -> None:
    assert EVALUATOR.judge(ToolCall(tool, tool_input)).action == "block"


@pytest.mark.parametrize(
    "command",
    [
        "flyball status", "flyball whats-new --service shop", "flyball guard check 'rm -rf /'", "cat .claude/settings.json", "ls -la ~/.codex", "kill 4243", "git diff .claude/settings.json",
        "grep -r hooks ~/.claude", "curl http://127.0.0.1:4321/healthz", "mkdir -p .claude/commands", "echo hi > CLAUDE.md", "pip install flyball", "claude --version",
    ],
)  # fmt: skip
def test_looking_at_the_guard_is_no_tampering(command: str) -> None:
    decision = EVALUATOR.judge(ToolCall("Bash", {"command": command}, Context(cwd="/srv/app")))
    assert not [hit for hit in decision.hits if hit.rule == "guard.tamper"]


def test_no_policy_loosens_it() -> None:
    for loosened in (
        {"without": ("guard.tamper",)},
        {"changes": {"guard.tamper": "allow"}},
        {"modes": {"guard.canary": "audit"}},
    ):
        with pytest.raises(RuleError, match="protects the guard itself"):
            Policy(name="p", mode="enforce", rules=RULES, **loosened)  # pyright: ignore[reportArgumentType]
    everything_off = Evaluator([Policy(name="p", mode="audit", rules=RULES, without=("*",))])
    assert everything_off.judge(ToolCall("Bash", {"command": "rm ~/.claude/settings.json"})).action == "block"
