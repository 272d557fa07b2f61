"""Foreign text in an answer: bounded, one line, and nothing in it becomes a link, an image or markup, wherever it is shown."""

from __future__ import annotations

import re

from flyball.explain.exhibit import clip

SHOWN_CHARS_MAX = 800
"""Characters of one sentence that is shown."""
_HIDDEN = re.compile(
    r"[\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e007f]"
)
_SCHEME = re.compile(
    r"\b([A-Za-z][A-Za-z0-9+.-]{1,20}):(?=//|\\\\)|\b(javascript|data|vbscript|mailto):", re.IGNORECASE
)
_MARKUP = str.maketrans(
    {
        "<": "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}",
        ">": "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}",
    }
)


def foreign(text: str, chars_max: int = SHOWN_CHARS_MAX) -> str:
    """A text that others wrote, or that quotes them, fit to be shown in a page, a terminal or a model's answer."""
    line = clip(_HIDDEN.sub("", text), chars_max)
    line = _SCHEME.sub(lambda found: f"{found[1] or found[2]}[:]", line)
    line = re.sub(r"\b(www)\.", r"\1[.]", line, flags=re.IGNORECASE)
    return line.replace("![", "! [").replace("](", "] (").replace("][", "] [").translate(_MARKUP)
