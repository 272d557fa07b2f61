"""A policy as a person writes it (YAML, or the mapping that YAML gives) -> `Policy`, with one error that names the place.

name: payments
mode: audit                      # or enforce
agents: [checkout-*]             # environments, users: whom it is attached to
catalogue: ["*"]                 # ids of the built-in rules that hold, shell patterns
changes: {git.force-push: block} # another action; `modes` another mode; `without` switches off
exceptions:
- {rule: files.*, where: [{field: what, op: glob, value: build/*}], until: 2027-01-31T00:00:00Z, reason: ..}
budgets:
- {id: deletes, counts: deletes, limit: 20, per: session, window: 1h, action: ask}
rules:                           # of one's own, see `rule_from`
python: |                        # rules in Python, of the operator's own file alone, see `rule_code`
failure_mode: closed
ask_timeout: 5m
ask_default: block
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timezone
from fnmatch import fnmatchcase
from typing import Any, get_args

import yaml

from flyball_sdk.guard.policy import MEASURED, Allowance, Budget, Counted, Policy, Targets
from flyball_sdk.guard.prove import proofs
from flyball_sdk.guard.rule import OPERATORS, SEVERITIES, STRICTNESS, Condition, Example, Rule, RuleError
from flyball_sdk.guard.rule_code import rules_of
from flyball_sdk.guard.rules import RULES

POLICY_BYTES_MAX = 64 * 1024
RULES_MAX = 200
LIST_MAX = 500
TEXT_CHARS_MAX = 2_000
_KNOWN_MAX = 20
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_DURATION = re.compile(r"(\d{1,6}(?:\.\d+)?)\s*(s|m|h|d)")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def policy_from_text(text: str, *, name: str, catalogue: Sequence[Rule] = RULES, own: bool = True) -> Policy:
    """The policy in a YAML text; `name` is what it is called where it does not say so itself.

    `own` says that the text is the operator's, and nobody else could write it: only then a block of Python is run.

    Raises:
        RuleError: it is no YAML, too long, or no policy: which place, and what should stand there.
    """
    if len(text.encode()) > POLICY_BYTES_MAX:
        raise RuleError(f"{name}: a policy has at most {POLICY_BYTES_MAX} bytes")
    try:
        given = yaml.load(text, Loader=_Plain)  # noqa: S506 - a SafeLoader without references
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}" if mark else "it"
        raise RuleError(f"{name}: {place} is no YAML: {getattr(error, 'problem', None) or error}") from None
    if not isinstance(given, Mapping):
        raise RuleError(f"{name}: a policy is a mapping such as `mode: audit`")
    return policy_from(given, name=name, catalogue=catalogue, own=own)


class _Plain(yaml.SafeLoader):
    """YAML without anchors: a hundred bytes of references can stand for a terabyte."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            event = self.peek_event()
            raise yaml.YAMLError(
                f"line {event.start_mark.line + 1} refers to another place, which is not taken"
            )
        return super().compose_node(parent, index)


def policy_from(
    given: Mapping[str, Any], *, name: str, catalogue: Sequence[Rule] = RULES, own: bool = True
) -> Policy:
    """The policy in a mapping; its own rules have held against their examples.

    Raises:
        RuleError: which place, and what should stand there.
    """
    top = _Place(given, name)
    top.only(
        *("name", "mode", "agents", "environments", "users", "catalogue", "changes", "modes", "without"),
        *(
            "exceptions",
            "budgets",
            "targets",
            "rules",
            "python",
            "failure_mode",
            "ask_timeout",
            "ask_default",
        ),
    )
    called = top.text("name", name)
    if not _NAME.fullmatch(called):
        raise RuleError(f"{name}.name: lower-case letters, digits, dots, - and _, this is {called[:80]!r}")
    targets = _targets(top)
    own_rules = tuple(
        rule_from(one.given, place=one.name, targets=targets) for one in top.places("rules", RULES_MAX)
    )
    if code := top.text("python", "", chars_max=POLICY_BYTES_MAX):
        if not own:
            raise RuleError(f"{name}.python: Python is taken from a file that nobody but its owner can write")
        own_rules = (*own_rules, *rules_of(code, place=f"{name}.python"))
    wanted = top.texts("catalogue", ("*",))
    taken = tuple(
        rule
        for rule in catalogue
        if rule.id.startswith("guard.")
        or rule.id == "call.unread"  # what is not read passes no rule of one's own either
        or any(fnmatchcase(rule.id, pattern) for pattern in wanted)
    )
    known = {rule.id for rule in (*taken, *own_rules)}
    return Policy(
        name=called,
        mode=top.one_of("mode", ("audit", "enforce"), "audit"),
        rules=(*taken, *own_rules),
        agents=top.texts("agents", ("*",)),
        environments=top.texts("environments", ("*",)),
        users=top.texts("users", ("*",)),
        changes=top.by_rule("changes", tuple(STRICTNESS), known),
        modes=top.by_rule("modes", ("audit", "enforce"), known),
        without=top.texts("without", ()),
        allowances=tuple(_allowance(one) for one in top.places("exceptions", LIST_MAX)),
        budgets=_budgets(top),
        targets=targets,
        failure_mode=top.one_of("failure_mode", ("open", "closed"), "closed"),
        ask_timeout_s=top.seconds("ask_timeout", 300.0),
        ask_default=top.one_of("ask_default", ("block", "allow"), "block"),
    )


def rule_from(given: Mapping[str, Any], *, place: str, targets: Targets | None = None) -> Rule:
    """A rule of one's own, held against its own examples; it needs one that hits and one that passes.

        id: payments.no-refund-script
        title: runs the refund script
        acts: [exec.opaque, money.transfer]
        where: [{field: what, op: glob, value: "*refund*"}]
        action: ask
        severity: high
        safer: ask somebody of payments
        hits: ["./refund.sh --all"]
        passes: ["./report.sh"]

    Raises:
        RuleError: it is not of this form, or an example does not hold.
    """
    top = _Place(given, place)
    top.only(
        "id",
        "title",
        "acts",
        "where",
        "tools",
        "action",
        "severity",
        "safer",
        "hits",
        "passes",
        "mode",
        "rewrite",
    )
    rule_id = top.text("id")
    if not _NAME.fullmatch(rule_id) or rule_id.startswith("guard."):
        raise RuleError(
            f"{place}.id: lower-case letters, digits, dots, - and _, not guard.*; this is {rule_id[:80]!r}"
        )
    rule = Rule(
        id=rule_id,
        title=top.text("title"),
        acts=top.texts("acts", ()),
        where=tuple(_condition(one) for one in top.places("where", LIST_MAX)),
        tools=top.texts("tools", ()),
        action=top.one_of("action", ("ask", "block", "modify", "allow"), None),
        severity=top.one_of("severity", SEVERITIES, "medium"),
        safer=top.text("safer", ""),
        hits=_examples(top, "hits"),
        passes=_examples(top, "passes"),
        rewrite=_rewrite(top),
        mode=top.one_of("mode", ("audit", "enforce"), None) if "mode" in given else None,
    )
    if not rule.hits or not rule.passes:
        raise RuleError(f"{place}: a rule shows at least one call under `hits` and one under `passes`")
    for proof in proofs((rule,), targets=targets):
        if not proof.held:
            raise RuleError(f"{place}: its example does not hold: {proof.told()}")
    return rule


def _rewrite(top: _Place) -> tuple[str, str] | None:
    pair = top.texts("rewrite", ())
    if pair and len(pair) != 2:  # noqa: PLR2004 - a pair
        raise RuleError(f"{top.name}.rewrite: [pattern, replacement]")
    return (pair[0], pair[1]) if pair else None


class _Place:
    """A mapping and where it stands, so that an error can name the place."""

    def __init__(self, given: Any, name: str) -> None:
        if not isinstance(given, Mapping):
            raise RuleError(f"{name}: a mapping, this is {_shown(given)}")
        self.given: Mapping[str, Any] = given
        self.name = name

    def only(self, *known: str) -> None:
        """Refuse a key that means nothing: it is mostly a misspelt one."""
        for key in self.given:
            if key not in known:
                near = (
                    known
                    if len(known) <= _KNOWN_MAX
                    else difflib.get_close_matches(str(key), known, cutoff=0.0)
                )
                told = "there are" if len(known) <= _KNOWN_MAX else "the likest are"
                raise RuleError(f"{self.name}: there is no {_shown(key)}; {told} {', '.join(near)}")

    def text(self, key: str, default: str | None = None, chars_max: int = TEXT_CHARS_MAX) -> str:
        value = self.given.get(key, default)
        if not isinstance(value, str) or len(value) > chars_max or (default is None and not value):
            raise RuleError(
                f"{self.name}.{key}: a text of at most {chars_max} characters, this is {_shown(value)}"
            )
        return value

    def texts(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        value = self.given.get(key, default)
        value = (value,) if isinstance(value, str) else value
        if not isinstance(value, (list, tuple)) or not all(isinstance(one, str) for one in value):
            raise RuleError(f"{self.name}.{key}: a list of texts, this is {_shown(value)}")
        if len(value) > LIST_MAX or any(len(one) > TEXT_CHARS_MAX for one in value):
            raise RuleError(f"{self.name}.{key}: at most {LIST_MAX} texts of {TEXT_CHARS_MAX} characters")
        return tuple(value)

    def one_of(self, key: str, known: Sequence[str], default: str | None) -> Any:
        value = self.given.get(key, default)
        if value not in known:
            raise RuleError(f"{self.name}.{key}: one of {', '.join(known)}, this is {_shown(value)}")
        return value

    def number(self, key: str) -> float:
        value = self.given.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
            raise RuleError(f"{self.name}.{key}: a number from 0, this is {_shown(value)}")
        return float(value)

    def seconds(self, key: str, default: float) -> float:
        value = self.given.get(key)
        if value is None:
            return default
        found = _DURATION.fullmatch(str(value))
        if not found or not float(found[1]):
            raise RuleError(f"{self.name}.{key}: a duration such as 10m, 1h or 1d, this is {_shown(value)}")
        return float(found[1]) * _SECONDS[found[2]]

    def by_rule(self, key: str, values: Sequence[str], known: Iterable[str]) -> dict[str, Any]:
        inner = _Place(self.given.get(key) or {}, f"{self.name}.{key}")
        inner.only(*known)
        return {rule: inner.one_of(rule, values, None) for rule in inner.given}

    def places(self, key: str, most: int) -> list[_Place]:
        value = self.given.get(key) or []
        if not isinstance(value, list) or len(value) > most:
            raise RuleError(f"{self.name}.{key}: a list of at most {most}, this is {_shown(value)}")
        return [_Place(one, f"{self.name}.{key}[{number}]") for number, one in enumerate(value)]


def _shown(value: Any) -> str:
    return repr(value)[:80]


def _condition(place: _Place) -> Condition:
    place.only("field", "op", "value", "negate")
    op, value, negate = (
        place.one_of("op", OPERATORS, None),
        place.given.get("value"),
        place.given.get("negate", False),
    )
    if not isinstance(negate, bool):
        raise RuleError(f"{place.name}.negate: true or false, this is {_shown(negate)}")
    good = {
        "in": isinstance(value, list) and len(value) <= LIST_MAX and all(_plain(one) for one in value),
        "glob": isinstance(value, str)
        or (isinstance(value, list) and all(isinstance(one, str) for one in value)),
        "matches": isinstance(value, str),
        "over": isinstance(value, (int, float)) and not isinstance(value, bool),
    }.get(op, _plain(value))
    if not good:
        raise RuleError(f"{place.name}.value: not what `{op}` takes: {_shown(value)}")
    condition = Condition(place.text("field"), op, tuple(value) if isinstance(value, list) else value, negate)
    try:
        condition.compiled()
    except RuleError as error:
        raise RuleError(f"{place.name}: {error}") from None
    return condition


def _plain(value: Any) -> bool:
    return isinstance(value, (str, int, float, bool))


def _examples(place: _Place, key: str) -> tuple[Example, ...]:
    value = place.given.get(key) or []
    if not isinstance(value, list) or len(value) > LIST_MAX:
        raise RuleError(f"{place.name}.{key}: a list of calls, this is {_shown(value)}")
    return tuple(_example(one, f"{place.name}.{key}[{number}]") for number, one in enumerate(value))


def _example(given: Any, name: str) -> Example:
    if isinstance(given, str):
        return Example(given)
    place = _Place(given, name)
    place.only("tool", "call", "input", "files", "before", "output")
    call = given.get("input", given.get("call"))
    if not isinstance(call, (str, Mapping)):
        raise RuleError(f"{name}: `call` is a shell command, or `input` a tool's input with `tool` naming it")
    files = given.get("files") or {}
    if not isinstance(files, Mapping) or not all(isinstance(text, str) for text in files.values()):
        raise RuleError(f"{name}.files: paths with their texts, this is {_shown(files)}")
    before = tuple(_example(one, f"{name}.before[{n}]") for n, one in enumerate(given.get("before") or []))
    return Example(
        call, tool=place.text("tool", "Bash"), files=files, before=before, output=place.text("output", "")
    )


def _allowance(place: _Place) -> Allowance:
    place.only("rule", "where", "until", "reason", "by")
    rule = place.text("rule")
    if rule.startswith("guard."):
        raise RuleError(f"{place.name}.rule: {rule} protects the guard itself and has no exceptions")
    return Allowance(
        rule=rule,
        where=tuple(_condition(one) for one in place.places("where", LIST_MAX)),
        until=_until(place),
        reason=place.text("reason"),
        by=place.text("by", ""),
    )


def _until(place: _Place) -> float | None:
    value = place.given.get("until")
    if value is None or value == "always":
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.replace("Z", "+00:00"))  # noqa: FURB162 - Python 3.10 takes no Z
        except ValueError:
            raise RuleError(
                f"{place.name}.until: a time such as 2027-01-31T00:00:00Z, this is {_shown(value)}"
            ) from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=timezone.utc)  # noqa: UP017 - Python 3.10 has no datetime.UTC
    if not isinstance(value, datetime):
        raise RuleError(f"{place.name}.until: a time such as 2027-01-31T00:00:00Z, this is {_shown(value)}")
    return (value if value.tzinfo else value.replace(tzinfo=timezone.utc)).timestamp()  # noqa: UP017


def _budgets(top: _Place) -> tuple[Budget, ...]:
    budgets = tuple(_budget(one) for one in top.places("budgets", LIST_MAX))
    ids = [one.id for one in budgets]
    if doubled := {one for one in ids if ids.count(one) > 1}:
        raise RuleError(f"{top.name}.budgets: more than one has the id {min(doubled)}")
    return budgets


def _budget(place: _Place) -> Budget:
    place.only("id", "counts", "limit", "per", "window", "action", "severity", "tools")
    budget_id = place.text("id")
    if not _NAME.fullmatch(budget_id):
        raise RuleError(
            f"{place.name}.id: lower-case letters, digits, dots, - and _, this is {budget_id[:80]!r}"
        )
    counts: Counted = place.one_of("counts", get_args(Counted), None)
    # what telemetry measures may be shown alone
    actions = ("ask", "block", "alert") if counts in MEASURED else ("ask", "block")
    return Budget(
        id=budget_id,
        counts=counts,
        limit=place.number("limit"),
        per=place.one_of("per", ("session", "agent", "user"), "session"),
        window_s=place.seconds("window", 3600.0),
        action=place.one_of("action", actions, "ask"),
        severity=place.one_of("severity", SEVERITIES, "high"),
        tools=place.text("tools", "*"),
    )


def _targets(top: _Place) -> Targets:
    if top.given.get("targets") is None:
        return Targets()
    place = _Place(top.given["targets"], f"{top.name}.targets")
    place.only("production", "staging", "development")
    default = Targets()
    return Targets(
        *(place.texts(one, getattr(default, one)) for one in ("production", "staging", "development"))
    )
