"""A call without its secrets: for the log, the pages and every sentence that is made of it.

What redaction removed from the input is also removed from what was derived from it (effects, reasons), where it may
stand without the name that gave it away.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

import re2
from flyball_sdk.redact import PREFILTER, SECRET_KEY, WILDCARD, redact_text

DEPTH_MAX = 32
"""Deeper values are not kept at all."""
SECRETS_MAX = 64
_SECRET_CHARS_MIN = 4
"""A shorter secret is not searched for in other texts: it would hit everything."""

# How a command line hands over a secret; `name=value` and its like are known to the general rules already.
# By RE2: a call may be a quarter of a megabyte that was written to be slow.
_FLAGS = re2.compile(
    r"(?i)(?P<head>(?:^|[\s'\"])(?:"
    r"--?(?:[a-z0-9]+[-_.])*(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|api[-_]?key|access[-_]?key|secret[-_]?key"
    r"|account[-_]?key|private[-_]?key|credentials?|auth)(?:[-_][a-z]+)?(?:[ \t]+|=)"
    r"|sshpass[ \t]+-p[ \t]*"
    r"|(?:mysql|mysqldump|mysqladmin|mariadb)(?:[ \t]+[^\s|;&]+)*?[ \t]+-p"
    r"|(?:curl|wget|http|https)\b[^\n|;&]*?[ \t](?:-u|--user|--proxy-user)[ \t=]*[^\s:'\"]{1,64}:"
    r"))(?P<value>\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\s|;&'\"<>-][^\s|;&'\"<>]*)"
)
# Most texts hold nothing that looks like a secret: one scan by RE2 tells (`PREFILTER` of the general rules, or a flag).
_SUSPECT = re2.compile(
    PREFILTER + r"|(?i:pass|pwd|secret|token|key|credential|auth|-u|user|-p)",
)


@functools.lru_cache(maxsize=4_096)
def _is_secret(name: str) -> bool:
    return SECRET_KEY.search(name) is not None


def clean(name: str, text: str) -> str:
    """The text of a field of that name without its secrets."""
    if name and _is_secret(name):
        return WILDCARD
    if not _SUSPECT.search(text):
        return text
    return _FLAGS.sub(lambda match: f"{match['head']}{WILDCARD}", redact_text(text))


class Redacted:
    """The redacted input of one call, and a way to hide its secrets elsewhere.

    Args:
        tool_input: as it came.
    """

    __slots__ = ("_secrets", "input")

    def __init__(self, tool_input: Mapping[str, Any]) -> None:
        secrets: list[str] = []

        def walk(name: str, value: Any, depth: int) -> Any:
            if isinstance(value, str):
                kept = clean(name, value)
                if kept != value:
                    secrets.extend(removed(value, kept))
                return kept
            if depth > DEPTH_MAX:
                return WILDCARD
            if isinstance(value, dict):
                return {
                    walk("", str(key), depth + 1): walk(str(key), part, depth + 1)
                    for key, part in value.items()
                }
            if isinstance(value, list):
                return [walk(name, part, depth + 1) for part in value]
            return value

        found: Any = walk("", tool_input, 0)
        # the longest first: one secret may hold another
        self._secrets = sorted(set(secrets), key=len, reverse=True)[:SECRETS_MAX]
        # a secret that was given away once is none that may stand elsewhere in the call
        self.input: Any = self._hidden(found) if secrets else found

    def _hidden(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, dict):
            return {self.hide(key): self._hidden(part) for key, part in value.items()}
        if isinstance(value, list):
            return [self._hidden(part) for part in value]
        return value

    def hide(self, text: str) -> str:
        """A text that was made of the call, without the call's secrets."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, WILDCARD)
        return text


def removed(text: str, kept: str) -> list[str]:
    """What stood in `text` where `kept` has wildcards, in whole and in its words."""
    found: list[str] = []
    at = 0
    parts = kept.split(WILDCARD)
    for number, part in enumerate(parts):
        begin = text.find(part, at) if part else (at if number + 1 < len(parts) else len(text))
        if begin < 0:
            # the literal parts do not follow each other: nothing can be told apart, so all of it is secret
            found.append(text[at:])
            break
        if number:
            found.append(text[at:begin])
        at = begin + len(part)
    words = [word for piece in found for word in re.split(r"[\s'\":@=,;]+", piece)]
    return [one for one in {*found, *words} if len(one.strip()) >= _SECRET_CHARS_MIN]
