"""Redact: secrets go before anything else sees a text; what stood there is `<*>`.

Found: card numbers (issuer range and Luhn), bearer and basic credentials, JSON web tokens, keys of AWS,
Google, GitHub, GitLab, Slack, Stripe, OpenAI, Anthropic, npm and SendGrid, private key blocks, the values
of password=, secret=, token=, api_key= and their like, cookies, and the user part of a URL.

Not redacted: e-mail addresses, names and IP addresses. They are often what an incident is about, and who may
read them is a question of retention and access; a rule set that removes them is a later setting. A private
key block is found when it is in one text; a file receiver that splits it into lines sees its first line only.

One set of rules for what an app sends, what a server stores and what the guard writes down. Batches are redacted by
`flyball.distill.redact`, whose compiled core is made of these rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

WILDCARD = "<*>"
"""What stands where a secret was, and where a line varies."""

_NAMES_OF_SECRETS = (
    r"pass(?:word|wd|phrase|code)|pwd|secret|api[_.-]?key|access[_.-]?key|private[_.-]?key|signing[_.-]?key"
    r"|encryption[_.-]?key|client[_.-]?secret|credentials?|auth[_.-]?key"
)
SECRET_KEY = re.compile(
    rf"(?:{_NAMES_OF_SECRETS}|(?:^|[._-])(?:proxy[._-])?authorization$|(?:^|[._-])(?:set[._-])?cookie2?$"
    r"|(?:^|[._-]|access|refresh|id|auth|bearer|csrf|xsrf|session|api)token$|(?:^|[._-])jwt$)",
    re.IGNORECASE,
)
"""Names of attributes whose value is a secret: `http.request.header.authorization`, `db.password`, `apiKey`."""

# What a text with a secret looks like: by a name, a place or a head of it ...
_NAMED_SECRETS = (
    r"(?i)(?:bearer|basic)\s"
    rf"|(?:{_NAMES_OF_SECRETS}|token|authorization|cookie2?|jwt)(?:[_.-][\w.-]*)?\\?[\"']?\s*[=:]"
    r"|://[^\s/]*@|-----begin|eyj[\w-]{5}|a(?:kia|sia|bia|cca)[a-z0-9]{16}|gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-"
    r"|hooks\.slack\.com|[srp]k_(?:live|test)_|whsec_|sk-[\w-]{20}|aiza[\w-]{30}|ya29\.|npm_[a-z0-9]{30}|sg\.[\w-]{16}"
)
# ... or by its digits, which are many.
PREFILTER = _NAMED_SECRETS + (
    r"|(?:^|[^\w.-])[2-6][0-9]{3}(?:[0-9]{9}|[ -][0-9]{4}[ -][0-9]{4}[ -][0-9]|[ -][0-9]{6}[ -][0-9]{4})"
)

# What tells a credential and a secret's value from a word of prose.
_TELLING_CREDENTIAL = re.compile(r"[0-9=_~+/]|[a-z][A-Z]")
_TELLING_VALUE = re.compile(r"[0-9=_]|[a-z][A-Z]")
_NOT_SECRET = frozenset({"true", "false", "null", "none", "nil", "undefined", '""', "''", WILDCARD})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One kind of secret: `hints` (lower case, any of them must occur) decide if `pattern` is tried at all.

    With `near`, a match begins at a hint, or at most so many characters before it as stand there: only there it is tried.
    """

    name: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    replace: Callable[[re.Match[str]], str]
    near: Mapping[str, int] | None = None

    def apply(self, text: str, lower: str) -> str:
        """The text without secrets of this kind; `lower` is the whole text in lower case, as it came."""
        if self.hints and not any(map(lower.__contains__, self.hints)):
            return text
        lower = text.lower()  # other rules may have changed it
        if self.near is None or len(lower) != len(text):
            return self.pattern.sub(self.replace, text)
        parts: list[str] = []
        done = 0
        for at in _starts(lower, self.hints, self.near):
            match = self.pattern.match(text, at) if at >= done else None
            if match:
                parts += (text[done:at], self.replace(match))
                done = match.end()
        return "".join(parts) + text[done:] if parts else text


def _starts(lower: str, hints: Sequence[str], near: Mapping[str, int]) -> list[int]:
    """Where a match can begin, ascending."""
    starts: set[int] = set()
    for hint in hints:
        at = lower.find(hint)
        while at >= 0:
            starts.update(range(max(at - near.get(hint, 0), 0), at + 1))
            at = lower.find(hint, at + 1)
    return sorted(starts)


def _whole(_match: re.Match[str]) -> str:
    return WILDCARD


def _after_head(match: re.Match[str]) -> str:
    return f"{match[1]}{WILDCARD}"


def _url_user(_match: re.Match[str]) -> str:
    return f"://{WILDCARD}"


def _credential(match: re.Match[str]) -> str:
    """`Bearer abc123` is a credential, `basic authentication` is prose."""
    token = match[2]
    telling = _TELLING_CREDENTIAL.search(token)
    return f"{match[1]}{WILDCARD}" if telling or token == WILDCARD else match[0]


def _value(match: re.Match[str]) -> str:
    """The value after a secret's name; a quoted value keeps its quotes."""
    head, name, value = match["head"], match["name"].lower(), match["value"]
    if value.lower() in _NOT_SECRET:
        return match[0]
    prose = match["sep"].strip() == ":" and match["sep"] != ":" and '"' not in match["sep"]
    if prose and name.endswith(("token", "jwt")) and not _TELLING_VALUE.search(value):
        return match[0]  # "invalid token: unexpected end of input" tells what happened
    quote = re.match(r"\\?[\"']", value)
    if quote:
        return f"{head}{quote[0]}{WILDCARD}{quote[0]}"
    end = re.search(r"[,;)\]}.]*$", value)
    return f"{head}{WILDCARD}{end[0] if end else ''}"


def _card(match: re.Match[str]) -> str:
    """The number itself, or without the short group after it, which may be another number."""
    shorter, gap, rest = (
        match[0].rpartition(" ") if re.search(r" [0-9]{1,3}$", match[0]) else (match[0], "", "")
    )
    for number, left in ((match[0], ""), (shorter, gap + rest)):
        digits = re.sub(r"[ -]", "", number)
        if _ISSUERS.match(digits) and _luhn(digits):
            return WILDCARD + left
    return match[0]


# Visa, Mastercard (both ranges), American Express, Discover, Diners, JCB, Maestro, UnionPay
_ISSUERS = re.compile(
    r"(?:4\d{12}(?:\d{3})?(?:\d{3})?|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|(?:6011|65\d\d|64[4-9]\d)\d{12}(?:\d{3})?|3(?:0[0-5]|[68]\d)\d{11,16}|35\d{14,17}"
    r"|(?:50|5[6-8]|6[37])\d{10,17}|62\d{14,17})$"
)


def _luhn(digits: str) -> bool:
    """The check of ISO/IEC 7812-1, annex B."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * 2 if place % 2 else int(digit)
        total += doubled - 9 if doubled > 9 else doubled  # noqa: PLR2004 - the digits' sum
    return total % 10 == 0


def _rule(
    name: str,
    hints: str,
    pattern: str,
    replace: Callable[[re.Match[str]], str] = _whole,
    near: Mapping[str, int] | None = None,
) -> Rule:
    return Rule(
        name=name, hints=tuple(hints.split()), pattern=re.compile(pattern), replace=replace, near=near
    )


_NAMED = (
    r"(?P<head>(?i:(?P<name>" + _NAMES_OF_SECRETS + r"|token|jwt)(?:[_.-][\w.-]{0,32})?)"
    r"(?P<sep>\\?[\"']?\s*(?:=>|:=|=|:)\s*))"
    r"(?P<value>\\\"(?:(?!\\\").)*\\\"|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"
    r"|(?:(?!,\s*[\w.\"'-]+\s*[=:])[^\s&\"'\\])+)"
)

RULES: tuple[Rule, ...] = (
    _rule(
        "private key",
        "-----begin",
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)",
    ),
    _rule("json web token", "eyj", r"\beyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*)?"),
    _rule("aws access key", "akia asia abia acca", r"\bA(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}\b"),
    _rule("google", "aiza ya29.", r"\bAIza[\w-]{30,}|\bya29\.[\w.-]{16,}"),
    _rule(
        "git hosts",
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat-",
        r"\bgh[pousr]_[A-Za-z0-9]{16,}|\bgithub_pat_\w{16,}|\bglpat-[\w-]{16,}",
    ),
    _rule("slack", "xox hooks.slack.com", r"\bxox[abeoprs]-[A-Za-z0-9-]{8,}|\bhooks\.slack\.com/\S+"),
    _rule(
        "stripe", "k_live_ k_test_ whsec_", r"\b[srp]k_(?:live|test)_[A-Za-z0-9]{8,}|\bwhsec_[A-Za-z0-9]{8,}"
    ),
    _rule(
        "other services",
        "sk- npm_ sg.",
        r"\bsk-[A-Za-z0-9_-]{20,}|\bnpm_[A-Za-z0-9]{30,}|\bSG\.[\w-]{16,}\.[\w-]{16,}",
    ),
    _rule(
        "cookie", "cookie", r"(?i)(\b(?:set-)?cookie2?\\?[\"']?\s*[:=]\s*\\?[\"']?)[^\"'\n\\]+", _after_head
    ),
    _rule(
        "authorization",
        "authorization",
        r"(?i)(\bauthorization\\?[\"']?\s*[:=]\s*\\?[\"']?(?:[a-z][\w-]*[ \t]+)?)[^\s\"',;\\]+",
        _after_head,
    ),
    _rule("credential", "bearer basic", r"(?i)(\b(?:bearer|basic)\s+)([\w.~+/=-]{8,}|<\*>)", _credential),
    _rule("url user", "://", r"://[^\s/\"'<>]+(?=@)", _url_user),
    _rule(
        "named secret",
        "pass pwd secret key credential token jwt",
        _NAMED,
        _value,
        near={"key": len("encryption-")},
    ),
    # as cards print them: in one piece, in fours, or as American Express and Diners do
    _rule(
        "card",
        "",
        r"(?<![\w.-])[2-6](?:[0-9]{12,18}|[0-9]{3}(?:[ -][0-9]{4}){3}(?:[ -][0-9]{1,3})?|[0-9]{3}[ -][0-9]{6}[ -][0-9]{4,5})"
        r"(?![A-Za-z0-9_])",
        _card,
    ),
)
"""All rules, in the order in which they apply."""


_HINTS = tuple(dict.fromkeys(hint for rule in RULES for hint in rule.hints))
_WITHOUT_HINTS = tuple(rule for rule in RULES if not rule.hints)


def _to_try(lower: str) -> Sequence[Rule]:
    """The rules that may find something: most texts hold no hint at all, which one look over all hints tells."""
    return RULES if any(map(lower.__contains__, _HINTS)) else _WITHOUT_HINTS


def redact_text(text: str) -> str:
    """One text without secrets."""
    lower = text.lower()
    for rule in _to_try(lower):
        text = rule.apply(text, lower)
    return text


def secrets_in(text: str) -> list[str]:
    """The secrets themselves, as they stand in the text: what `redact_text` would take away."""
    lower = text.lower()
    found: list[str] = []
    for rule in _to_try(lower):
        if rule.hints and not any(map(lower.__contains__, rule.hints)):
            continue
        for match in rule.pattern.finditer(text):
            head, mark, tail = rule.replace(match).partition(WILDCARD)
            if mark:
                found.append(match[0][len(head) : len(match[0]) - len(tail)])
    return found


def redact_value(key: str, value: str) -> str:
    """An attribute's value: `<*>` when its name says that it is secret, else treated like a text."""
    return WILDCARD if SECRET_KEY.search(key) else redact_text(value)
