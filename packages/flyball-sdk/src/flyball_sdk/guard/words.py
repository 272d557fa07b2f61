"""A decision in words, for whoever made the call: bounded, and with every unseen character made visible."""

from __future__ import annotations

import unicodedata

from flyball_sdk.guard.decision import Hit
from flyball_sdk.redact import redact_text

WHAT_CHARS_MAX = 120


def visible(text: str, chars_max: int = WHAT_CHARS_MAX) -> str:
    r"""The text on one line: control, bidirectional and invisible characters as `\u{..}`, long texts cut at the end."""
    shown = text[: chars_max + 1]
    if not (shown.isascii() and shown.isprintable()):
        shown = "".join(c if c.isprintable() and not _sly(c) else f"\\u{{{ord(c):x}}}" for c in shown)
    return shown if len(text) <= chars_max else shown[:chars_max] + "..."


def _sly(c: str) -> bool:
    return unicodedata.category(c) in ("Cf", "Zl", "Zp", "Co", "Cn", "Cs") and c != "\u00ad"


def reason_of(hit: Hit) -> str:
    """One sentence: what the call would do, by which rule that is stopped."""
    effect = hit.effect
    what = visible(redact_text(effect.what[: 4 * WHAT_CHARS_MAX]))
    where = (
        f" ({effect.target.environment} target {visible(effect.target.name, 60)})" if effect.target else ""
    )
    via = f", by way of {' > '.join(visible(one, 30) for one in effect.via[:4])}" if effect.via else ""
    return f"{hit.title}: {what}{where}{via} [{hit.rule}]"
