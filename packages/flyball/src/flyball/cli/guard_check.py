"""What `flyball guard check`, `test` and `audit` work out by themselves: no server is asked."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import orjson
from flyball_sdk.guard.call import Context, ToolCall
from flyball_sdk.guard.evaluate import Evaluator
from flyball_sdk.guard.files import LocalFiles
from flyball_sdk.guard.policy import Policy
from flyball_sdk.guard.policy_file import policy_from_text
from flyball_sdk.guard.prove import proofs
from flyball_sdk.guard.rule import RuleError
from flyball_sdk.guard.rule_code import is_own
from flyball_sdk.guard.rules import RULES

from flyball.errors import InputError
from flyball.explain.compile_rule import Compiled, compile_rule
from flyball.guard.audit import audit, read_anchors
from flyball.guard.keys import LOG_KEY, Keys, guard_folder, kept_secret


def checked(command: str, *, tool: str, policy: Path | None) -> dict[str, Any]:
    """The decision about a call in this directory, as if everything were enforced.

    Raises:
        InputError: the input is no JSON object, or the file no policy.
    """
    if tool == "Bash":
        given: Any = {"command": command}
    else:
        try:
            given = orjson.loads(command)
        except orjson.JSONDecodeError as error:
            raise InputError(f"the input of {tool} is a JSON object: {error}") from error
        if not isinstance(given, dict):
            raise InputError(f'the input of {tool} is a JSON object, such as {{"file_path": "x"}}')
    # whoever asks, not the agents that the policy is attached to
    held = replace(_policy(policy), agents=("*",), environments=("*",), users=("*",))
    here = str(Path.cwd())
    decision = Evaluator((held,)).judge(
        ToolCall(tool, given, Context(cwd=here)),
        files=LocalFiles(here, str(Path.home())),
        now=time.time(),  # noqa: TID251 - the edge: a person asks now
    )
    return {
        "tool": tool,
        "call": given,
        "policy": held.name,
        "mode": held.mode,
        "action": decision.would,
        "reason": decision.reason,
        "safer": decision.safer,
        "status": decision.status,
        "latency_ms": decision.latency_ms,
        "effects": [
            {"act": e.act, "what": e.what, "target": asdict(e.target) if e.target else None, "via": e.via}
            | {"attributes": dict(e.attributes), "confidence": e.confidence}
            for e in decision.effects
        ],
        "rules": [
            {"rule": h.rule, "title": h.title, "action": h.action, "severity": h.severity, "safer": h.safer}
            | {"act": h.effect.act, "what": h.effect.what}
            for h in decision.hits
        ],
    }


def tested(policy: Path | None) -> tuple[int, list[str]]:
    """How many examples there are, and those that do not hold, in words.

    Raises:
        InputError: the file is no policy.
    """
    held = _policy(policy)
    done = list(proofs(held.rules, targets=held.targets))
    return len(done), [proof.told() for proof in done if not proof.held]


def _policy(file: Path | None) -> Policy:
    if file is None:
        return Policy(name="built-in", mode="enforce", rules=RULES)
    try:
        return policy_from_text(file.read_text(), name=file.stem, own=is_own(file))
    except (OSError, UnicodeDecodeError, RuleError) as error:
        raise InputError(str(error)) from error


def compiled(words: str, *, model: str, base_url: str) -> Compiled:
    """The rule that a language model makes of these words.

    Raises:
        FlyballError: none came, or none whose examples hold.
    """
    import asyncio  # noqa: PLC0415 - only who asks a model needs it

    return asyncio.run(compile_rule(words, model=model, base_url=base_url, monotonic_s=time.monotonic))


def audited(folder: Path, anchor: Path | None) -> dict[str, Any]:
    """What an audit of the log in this data folder finds.

    Raises:
        InputError: there is no log, or the anchors cannot be read.
        ConfigurationError: its key cannot be read.
    """
    guard = guard_folder(folder)
    if not (guard / "log").is_dir():
        raise InputError(f"there is no decision log in {guard}: name the data folder with --data")
    keys = Keys(guard, "", kept_secret(guard / LOG_KEY).encode(), {})
    try:
        anchors = read_anchors(anchor) if anchor else None
        found = audit(guard / "log", keys.sign, anchors)
    except (OSError, ValueError) as error:
        raise InputError(str(error)) from error
    if anchor is None and not found.problems:
        note = "without an anchor nobody can tell whether the end was cut or all of it written anew"
    else:
        note = ""
    return {"verdict": found.verdict, "note": note, **asdict(found)}
