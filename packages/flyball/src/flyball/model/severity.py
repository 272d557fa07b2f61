"""OpenTelemetry's six severities: number ranges, words and one glyph each.

Source: https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber
"""

from __future__ import annotations

import enum


class Severity(enum.IntEnum):
    """The lowest number of each range of four; `UNSPECIFIED` when nothing said it."""

    UNSPECIFIED = 0
    TRACE = 1
    DEBUG = 5
    INFO = 9
    WARN = 13
    ERROR = 17
    FATAL = 21

    @classmethod
    def of(cls, number: int) -> Severity:
        """The range that a severity number of 0 to 24 falls in."""
        if number <= 0:
            return cls.UNSPECIFIED
        return cls(min((number - 1) // 4, 5) * 4 + 1)

    @property
    def glyph(self) -> str:
        """One character that tells the severity without colour."""
        return _GLYPHS[self]


_GLYPHS = {
    Severity.UNSPECIFIED: " ",
    Severity.TRACE: "·",
    Severity.DEBUG: "○",
    Severity.INFO: "●",
    Severity.WARN: "▲",
    Severity.ERROR: "■",
    Severity.FATAL: "◆",
}
