"""Rules by which the guard protects itself. No policy changes, excepts or switches off these."""

from __future__ import annotations

from flyball_sdk.guard.rule import Rule
from flyball_sdk.guard.rules.write import shell, tool

RULES = (
    Rule(
        id="guard.tamper",
        title="would switch off, blind or bypass the guard",
        acts=("guard.tamper",),
        action="block",
        severity="critical",
        safer="ask a person: the guard is theirs to change",
        hits=(
            *shell(
                "flyball uninstall claude-code",
                "rm ~/.claude/settings.json",
                "echo '{}' > .claude/settings.local.json",
                "pkill -f flyball",
                "flyball guard approve 12",
                "flyball guard policies apply team.yaml",
                "flyball guard policies remove team",
                "flyball guard pin notes --accept",
                "cat ~/.flyball/guard/operator.token",
                "sed -i s/hooks/x/ ~/.codex/config.toml",
                "claude --dangerously-skip-permissions -p hi",
                "git checkout .claude/settings.json",
                "FLYBALL_URL=http://x ls",
            ),
            tool("Write", file_path="/home/ann/.claude/settings.json", content="{}"),
            tool("Edit", file_path=".claude/settings.local.json", old_string="a", new_string="b"),
        ),
        passes=(
            *shell(
                "flyball whats-new",
                "flyball guard status",
                "flyball guard policies list",
                "cat .claude/settings.json",
                "flyball guard check ls",
                "ls ~/.codex",
            ),
            tool("Read", file_path=".claude/settings.json"),
        ),
    ),
    Rule(
        id="guard.canary",
        title="is the guard's own trial call",
        acts=("guard.canary",),
        action="block",
        severity="low",
        safer="nothing: it does nothing if it runs",
        hits=shell(": flyball-canary 0123abcd"),
        passes=shell("echo flyball-canary", ": nothing"),
    ),
)
