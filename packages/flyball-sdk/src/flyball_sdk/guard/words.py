"""A decision in words, for whoever made the call: bounded, and with every unseen character made visible."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from flyball_sdk.guard.decision import Hit
from flyball_sdk.guard.effect import Target
from flyball_sdk.redact import WILDCARD, redact_text, secrets_in

WHAT_CHARS_MAX = 120
# how much of a call is searched for secrets, and from which length on one is taken out wherever it stands
READ_CHARS_MAX = 64 * 1024
SECRET_CHARS_MIN = 6


def visible(text: str, chars_max: int = WHAT_CHARS_MAX) -> str:
    r"""The text on one line: control, bidirectional and invisible characters as `\u{..}`, long texts cut at the end."""
    shown = text[: chars_max + 1]
    if not (shown.isascii() and shown.isprintable()):
        shown = "".join(c if c.isprintable() and not _sly(c) else f"\\u{{{ord(c):x}}}" for c in shown)
    return shown if len(text) <= chars_max else shown[:chars_max] + "..."


def _sly(c: str) -> bool:
    return unicodedata.category(c) in ("Cf", "Zl", "Zp", "Co", "Cn", "Cs") and c != "\u00ad"


def reason_of(hit: Hit, tool_input: Mapping[str, Any]) -> str:
    """One sentence: what the call would do, by which rule that is stopped; no secret of the call stands in it."""
    effect = hit.effect
    what = redact_text(effect.what[: 4 * WHAT_CHARS_MAX])
    if what:
        text = " ".join(value for value in tool_input.values() if isinstance(value, str))[:READ_CHARS_MAX]
        for secret in sorted(secrets_in(text), key=len, reverse=True):
            if len(secret) >= SECRET_CHARS_MIN:
                what = what.replace(secret, WILDCARD)
    what = visible(what)
    via = f", by way of {' > '.join(visible(one, 30) for one in effect.via[:4])}" if effect.via else ""
    return f"{hit.title}{what and ': '}{what}{_aimed_at(effect.target)}{via} [{hit.rule}]"


def _aimed_at(target: Target | None) -> str:
    if target is None:
        return ""
    if not target.name:
        return " (its target is not known)"
    return f" ({target.environment} target {visible(redact_text(target.name), 60)})"
