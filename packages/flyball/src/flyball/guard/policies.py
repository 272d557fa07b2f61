"""Which policies hold: the built-in one, and those that the operator wrote and that were accepted.

What holds is what the log says was accepted, not what lies in the folder: a file that is changed behind the guard's back
changes nothing, and the status says that it differs. Files are there to be read and edited, then applied with the
operator's token. A file of a name that was never accepted is taken at the start: policies are held side by side and the
strictest wins, so that another one cannot loosen any.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from flyball_sdk.guard.call import Context
from flyball_sdk.guard.evaluate import Evaluator
from flyball_sdk.guard.policy import Policy
from flyball_sdk.guard.policy_file import POLICY_BYTES_MAX, policy_from_text
from flyball_sdk.guard.rule import Mode, RuleError
from flyball_sdk.guard.rule_code import is_own
from flyball_sdk.guard.rules import RULES
from flyball_sdk.guard.scene import NOTHING_OWN, Protected

from flyball.errors import ConfigurationError, InputError
from flyball.guard.controls import Controls

DEFAULT = "default"
POLICIES_MAX = 32
FOLDER = "policies"

BUILT_IN = """\
# The built-in policy: every rule of the catalogue, recorded and not enforced until `flyball guard enforce`.
name: default
mode: audit
"""


@dataclass(slots=True)
class Policies:
    """The accepted policies by name; `folder` is DATA/guard/policies.

    `evaluator` holds what is in force: each policy in its own mode or the one that the operator switched it to, all in
    audit during a pause.
    """

    folder: Path
    protected: Protected = NOTHING_OWN
    texts: dict[str, str] = field(default_factory=dict[str, str])
    parsed: dict[str, Policy] = field(default_factory=dict[str, Policy])
    evaluator: Evaluator = field(default_factory=lambda: Evaluator(()))
    paused: Evaluator = field(default_factory=lambda: Evaluator(()))
    in_force: tuple[Policy, ...] = ()
    version: str = ""
    """Another set of policies or modes, another version."""

    def __post_init__(self) -> None:
        self.accept(DEFAULT, BUILT_IN)

    def accept(self, name: str, text: str) -> Policy:
        """Take a policy in the place of the one of its name.

        Raises:
            InputError: it is no policy, or has another name.
        """
        policy = read_policy(name, text)
        self.texts[name], self.parsed[name] = text, policy
        return policy

    def check_room(self, name: str) -> None:
        """Whether a policy of that name has room.

        Raises:
            InputError: there are too many.
        """
        if name not in self.parsed and len(self.parsed) >= POLICIES_MAX:
            raise InputError(f"there are at most {POLICIES_MAX} policies")

    def remove(self, name: str) -> None:
        """Let a policy go; the default one becomes the built-in again."""
        self.texts.pop(name, None)
        self.parsed.pop(name, None)
        if name == DEFAULT:
            self.accept(DEFAULT, BUILT_IN)

    def compile(self, controls: Controls) -> None:
        """Make the evaluators of what holds now.

        Raises:
            InputError: a rule does not compile.
        """
        modes: Mapping[str, Mode] = controls.modes
        named = sorted(self.parsed.items(), key=lambda item: (item[0] != DEFAULT, item[0]))
        in_force = tuple(replace(policy, mode=modes.get(name, policy.mode)) for name, policy in named)
        try:
            evaluator = Evaluator(in_force, self.protected)
            paused = Evaluator(tuple(map(_paused, in_force)), self.protected)
        except RuleError as error:
            raise InputError(str(error)) from error
        self.in_force, self.evaluator, self.paused = in_force, evaluator, paused
        digests = "+".join(policy.digest() for policy in in_force)
        self.version = hashlib.sha256(digests.encode()).hexdigest()[:16]

    def concerned(self, context: Context) -> list[Policy]:
        """The policies that are attached to whoever asks."""
        return [policy for policy in self.in_force if policy.concerns(context)]

    def windows(self) -> dict[str, float]:
        """`policy/budget` -> how long the budget looks back, in seconds."""
        return {
            f"{policy.name}/{budget.id}": budget.window_s
            for policy in self.in_force
            for budget in policy.budgets
        }

    def on_disk(self) -> dict[str, str]:
        """The texts of the files in the folder, by name.

        Raises:
            ConfigurationError: a file cannot be read.
        """
        found: dict[str, str] = {}
        for path in sorted(self.folder.glob("*.yaml"))[:POLICIES_MAX]:
            try:
                found[path.stem] = text = path.read_text()[: POLICY_BYTES_MAX + 1]
                if "python" in text and not is_own(path):
                    raise ConfigurationError(f"{path} holds Python and others can write it: chmod 600 {path}")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigurationError(f"the policy {path} cannot be read: {error}") from error
        return found

    def differing(self) -> list[str]:
        """Files that say something else than what was accepted under their name, or that are gone."""
        try:
            found = self.on_disk()
        except ConfigurationError as error:
            return [str(error)]
        written = {name: text for name, text in self.texts.items() if text != BUILT_IN}
        return sorted(
            f"policies/{name}.yaml is not what was accepted: flyball guard policies apply it, or restore it"
            for name in {*found, *written}
            if found.get(name) != written.get(name)
        )

    def write(self, name: str) -> None:
        """Put the accepted text where a person reads and edits it.

        Raises:
            ConfigurationError: it cannot be written.
        """
        path = self.folder / f"{name}.yaml"
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if name not in self.texts or self.texts[name] == BUILT_IN:
                path.unlink(missing_ok=True)
                return
            fresh = path.with_suffix(".new")
            fresh.write_text(self.texts[name])
            fresh.chmod(0o600)
            fresh.replace(path)
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error


def read_policy(name: str, text: str) -> Policy:
    """The policy of that name in this text.

    Raises:
        InputError: which place is wrong, and what should stand there.
    """
    try:
        policy = policy_from_text(text, name=name, catalogue=RULES)
        Evaluator((policy,))  # a condition that does not compile is said now
    except RuleError as error:
        raise InputError(str(error)) from error
    if policy.name != name:
        raise InputError(f"this policy calls itself {policy.name!r}, not {name!r}")
    return policy


def _paused(policy: Policy) -> Policy:
    """The policy with nothing enforced; the guard's own rules stay in force whatever a policy says."""
    return replace(
        policy, mode="audit", modes={}, rules=tuple(replace(rule, mode=None) for rule in policy.rules)
    )
