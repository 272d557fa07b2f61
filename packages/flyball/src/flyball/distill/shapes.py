"""Shapes: records in, shape ids out.

The compiled core (see `scanner`) does nearly all records, without a Python object for any. What it leaves, and all
where it was not built, goes the pure way: redact -> parse -> key as Arrow kernels; what is left is a few distinct
keys, and only those, when not met before, are masked in Python. Nothing here learns: a shape id is a hash of the masked text, the same
in every process, and memory of earlier batches changes the speed and never the answer. The one exception is
the cap on cardinality: after `shapes_max` distinct shapes further ones count as `OTHER`, so that hostile
input cannot exhaust memory or the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from flyball import native
from flyball.distill.mask import MASK_CHARS_MAX, keys, mask, mask_name, name_keys
from flyball.distill.parse import head, messages, severity_of
from flyball.distill.redact import RULES_VERSION, redact
from flyball.distill.scanner import BEST, NO_ENTRY, Scanner
from flyball.model.pattern import Shape
from flyball.model.severity import Severity
from flyball.model.window import SignalKind

SHAPES_MAX = 100_000
"""Distinct shapes that one process tells apart; 100,000 templates of 200 bytes are 20 MB."""

NAMES_MAX = 5_000
"""Distinct shapes of span names that one process learns with their constants. Raw paths as names (nobody filled
a route in) could fill all of SHAPES_MAX; further ones are masked like lines, in which a path is a value."""

MEMO_CHARS_MAX = 64 * 1024 * 1024
"""Characters of keys that are remembered with their shape; then the memo starts anew."""

EXAMPLE_CHARS_MAX = 4096
"""So much of a record is kept as its shape's example."""


def id_of(template: str) -> int:
    """The shape id of a template: BLAKE2b with 64 bits of its UTF-8 text."""
    return int.from_bytes(blake2b(template.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


OTHER = Shape(
    id=id_of("<other shapes>"), template="<other shapes>", rules=RULES_VERSION, example="a shape over the cap"
)
"""Where records go whose shape came after `shapes_max` others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distilled:
    """What a batch of n records became; every array has n entries in the records' order.

    `shapes` (uint64) are shape ids; `severity` (uint8) the lowest number of each record's OpenTelemetry range:
    of the number given, else of the severity text, else of what the record says itself, else 0; `texts` the
    redacted bodies, to store; `redacted` counts the records in which something was redacted.
    """

    shapes: NDArray[np.uint64]
    severity: NDArray[np.uint8]
    texts: pa.Array
    redacted: int


class Distiller:
    """Gives records their shapes. Holds bounded caches and the ids met; not to be shared between threads.

    `known` are ids of shapes stored before (they count towards `shapes_max` and are not new again). `core` is the
    widest instructions that the compiled core may use, None for the pure path; the answers are the same.
    `other` counts the records that went to `OTHER`.
    """

    def __init__(
        self,
        *,
        known: Iterable[int] = (),
        shapes_max: int = SHAPES_MAX,
        names_max: int = NAMES_MAX,
        core: int | None = BEST,
    ) -> None:
        self.shapes_max = shapes_max
        self._names_left = names_max
        self.other = 0
        self._known = set(known)
        self._new: list[Shape] = []
        self._fresh: dict[
            int, tuple[int, Shape]
        ] = {}  # shapes of this batch, with the row of their first record
        self._memo: dict[str, tuple[int, int]] = {}
        self._name_memo: dict[str, tuple[int, int]] = {}
        self._memo_chars = 0
        self._scanner: Scanner | None = None
        if core is not None and native.library() is not None:
            self._scanner = Scanner(other=OTHER.id, shapes_max=shapes_max, known=self._known, level=core)

    def distill(
        self,
        texts: pa.Array,
        severity_number: NDArray[np.uint8],
        severity_text: pa.Array | None = None,
        exception_type: pa.Array | None = None,
    ) -> Distilled:
        """Redact, parse, mask and hash a batch of record bodies.

        Args:
            texts: bodies (string); a map body as its JSON text, null as no text.
            severity_number: OpenTelemetry severity numbers, 0 where none was given.
            severity_text: severity texts, null or empty where none was given.
            exception_type: `exception.type` attributes, null or empty where there is none.
        """
        texts = _strings(texts)
        rows = np.arange(len(texts))
        if self._scanner is None:
            found = self._pure(texts, exception_type, rows)
        elif exception_type is None:
            found = self._scanned(self._scanner, texts, rows)
        else:  # a type is a part of what its record says
            typed = pc.fill_null(pc.not_equal(exception_type, ""), fill_value=False).to_numpy(
                zero_copy_only=False
            )
            found = self._scanned(self._scanner, texts.filter(pa.array(~typed)), rows[~typed])
            given = pa.array(typed)
            other = self._pure(texts.filter(given), exception_type.filter(given), rows[typed])
            found = _parted(texts, [(rows[~typed], found), (rows[typed], other)])
        severity = found.severity
        if severity_text is not None:
            given = _severity_of_texts(severity_text)
            severity = np.where(given > 0, given, severity)
        severity = np.where(severity_number > 0, _RANGES[severity_number], severity)
        self._finish_batch()
        return replace(found, severity=severity.astype(np.uint8))

    def names(self, names: pa.Array) -> NDArray[np.uint64]:
        """The shape ids of span names: constant path segments stay, nothing in front of them is cut off."""
        names, _redacted = redact(_strings(names))
        masked = name_keys(_cut(names, MASK_CHARS_MAX))
        shapes, _severity = self._shapes(
            masked, names, np.arange(len(names)), SignalKind.SPAN, self._name_memo
        )
        self._finish_batch()
        return shapes

    def drain_new(self) -> list[Shape]:
        """The shapes met since the last call that were not known, in the order of their first record."""
        new, self._new = self._new, []
        return new

    def _finish_batch(self) -> None:
        if not self._fresh:
            return
        self._new += [shape for _row, shape in sorted(self._fresh.values(), key=lambda fresh: fresh[0])]
        if self._scanner is not None:
            self._scanner.know(self._fresh)
        self._fresh = {}

    def _scanned(self, scanner: Scanner, texts: pa.Array, rows: NDArray[np.int64]) -> Distilled:
        """By the compiled core; what it leaves goes the pure way. `rows` are the texts' rows in the batch."""
        if scanner.is_full:
            scanner.forget()
        codes, found = scanner.texts(texts)
        if found.redacted:
            secret = np.zeros(len(texts), np.bool_)
            secret[[row for row, _text in found.redacted]] = True
            plain = pa.array([text for _row, text in found.redacted], pa.string())
            texts = pc.replace_with_mask(texts, pa.array(secret), plain)
        for shape, at, template in found.new:
            self._admit(shape, template, texts, at, rows, SignalKind.LOG)
        shapes, severity = np.zeros(len(codes), np.uint64), np.zeros(len(codes), np.uint8)
        quick = np.flatnonzero(codes >= 0) if len(found.odd) else slice(None)
        shapes[quick], severity[quick] = found.shapes[codes[quick]], found.severities[codes[quick]]
        if OTHER.id in self._known:
            self.other += int((shapes == OTHER.id).sum())
        whole = Distilled(shapes=shapes, severity=severity, texts=texts, redacted=len(found.redacted))
        if not len(found.odd):
            return whole
        odd = self._pure(texts.take(pa.array(found.odd)), None, rows[found.odd])
        for at in np.flatnonzero(found.odd_entries != NO_ENTRY).tolist():
            scanner.settle(int(found.odd_entries[at]), int(odd.shapes[at]), int(odd.severity[at]))
        return _parted(texts, [(slice(None), whole), (found.odd, odd)])

    def _pure(self, texts: pa.Array, exception_type: pa.Array | None, rows: NDArray[np.int64]) -> Distilled:
        """Without the core. `rows` are the texts' rows in the batch."""
        texts, redacted = redact(texts)
        bodies, stated = messages(texts, exception_type)
        examples = _examples(texts, bodies, exception_type)
        masked = keys(_cut(bodies, MASK_CHARS_MAX))
        shapes, from_line = self._shapes(masked, examples, rows, SignalKind.LOG, self._memo)
        severity = np.where(stated > 0, stated, from_line)
        return Distilled(shapes=shapes, severity=severity, texts=texts, redacted=redacted)

    def _shapes(
        self,
        masked: pa.Array,
        texts: pa.Array,
        rows: NDArray[np.int64],
        kind: SignalKind,
        memo: dict[str, tuple[int, int]],
    ) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
        """Shape id and stated severity of each key; `texts` are where examples come from."""
        encoded = masked.dictionary_encode()
        codes = encoded.indices.to_numpy(zero_copy_only=False)
        firsts = np.empty(len(encoded.dictionary), np.int64)
        firsts[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)  # the last write is the first record
        ids = np.empty(len(firsts), np.uint64)
        severity = np.empty(len(firsts), np.uint8)
        for code, key in enumerate(encoded.dictionary.to_pylist()):
            hit = memo.get(key)
            if hit is None:
                template, stated = self._name(key) if kind is SignalKind.SPAN else _line(key)
                shape = self._admit(id_of(template), template, texts, int(firsts[code]), rows, kind)
                hit = shape, stated
                self._remember(key, hit, memo)
            ids[code], severity[code] = hit
        shapes = ids[codes]
        if OTHER.id in self._known:
            self.other += int((shapes == OTHER.id).sum())
        return shapes, severity[codes]

    def _admit(
        self, shape: int, template: str, texts: pa.Array, at: int, rows: NDArray[np.int64], kind: SignalKind
    ) -> int:
        """The id under which a shape's records go; text `at` is its first, as far as this call knows."""
        row = int(rows[at])
        fresh = self._fresh.get(shape)
        if (fresh is None and shape in self._known) or (fresh is not None and fresh[0] <= row):
            return shape
        if shape == OTHER.id or (fresh is None and len(self._known) >= self.shapes_max):
            self._known.add(OTHER.id)
            self._fresh[OTHER.id] = row, OTHER
            return OTHER.id
        self._known.add(shape)
        example = texts[at].as_py()[:EXAMPLE_CHARS_MAX]
        self._fresh[shape] = (
            row,
            Shape(id=shape, template=template, rules=RULES_VERSION, example=example, kind=kind),
        )
        return shape

    def _remember(self, key: str, hit: tuple[int, int], memo: dict[str, tuple[int, int]]) -> None:
        self._memo_chars += len(key)
        if self._memo_chars > MEMO_CHARS_MAX:
            self._memo.clear()
            self._name_memo.clear()
            self._memo_chars = len(key)
        memo[key] = hit

    def _name(self, key: str) -> tuple[str, int]:
        template = mask_name(key)
        if id_of(template) not in self._known:
            if self._names_left <= 0:
                return mask(template), 0
            self._names_left -= 1
        return template, 0


def _parted(texts: pa.Array, parts: Sequence[tuple[Any, Distilled]]) -> Distilled:
    """The parts of a batch, each with its rows, as one; of rows in two parts the later says."""
    shapes, severity = np.empty(len(texts), np.uint64), np.empty(len(texts), np.uint8)
    redacted = 0
    for rows, part in parts:
        shapes[rows], severity[rows] = part.shapes, part.severity
        if part.redacted:
            chosen = np.zeros(len(texts), np.bool_)
            chosen[rows] = True
            texts = pc.replace_with_mask(texts, pa.array(chosen), part.texts)
            redacted += part.redacted
    return Distilled(shapes=shapes, severity=severity, texts=texts, redacted=redacted)


def shape_of(text: str, kind: SignalKind = SignalKind.LOG) -> Shape:
    """The shape of one text by the current rules: redacted, parsed and masked."""
    texts, _redacted = redact(pa.array([text], pa.string()))
    if kind is SignalKind.SPAN:
        template = mask_name(name_keys(_cut(texts, MASK_CHARS_MAX))[0].as_py())
    else:
        bodies, _severity = messages(texts)
        template, _severity = _line(keys(_cut(bodies, MASK_CHARS_MAX))[0].as_py())
    example = texts[0].as_py()[:EXAMPLE_CHARS_MAX]
    return Shape(id=id_of(template), template=template, rules=RULES_VERSION, example=example, kind=kind)


_RANGES = np.array([int(Severity.of(number)) for number in range(256)], np.uint8)


def _line(key: str) -> tuple[str, int]:
    """Template and stated severity of a line's key."""
    text, severity = head(key)
    return mask(text), severity


def _examples(texts: pa.Array, bodies: pa.Array, exception_type: pa.Array | None) -> pa.Array:
    """What serves as example: the text; the parsed body where the text alone would not have its shape again.

    That is where an exception's type stands beside it, and where it is cut (the front of a JSON text is none). An
    example must have the shape that it is the example of: an upgrade of the rules masks it again.
    """
    lengths = pc.binary_length(texts)
    if exception_type is None and (pc.max(lengths).as_py() or 0) <= EXAMPLE_CHARS_MAX:
        return texts
    parsed = pc.greater(lengths, EXAMPLE_CHARS_MAX)
    if exception_type is not None:
        parsed = pc.or_(parsed, pc.fill_null(pc.not_equal(exception_type, ""), fill_value=False))
    return pc.if_else(parsed, bodies, texts)


def _strings(texts: pa.Array) -> pa.Array:
    """As an array of strings without nulls."""
    texts = texts if pa.types.is_string(texts.type) else texts.cast(pa.string())
    return pc.fill_null(texts, "") if texts.null_count else texts


def _cut(texts: pa.Array, chars_max: int) -> pa.Array:
    """Each text's first characters; no copy when all are short (a character has at most 4 bytes)."""
    longest = pc.max(pc.binary_length(texts)).as_py() or 0
    return pc.utf8_slice_codeunits(texts, 0, chars_max) if longest > chars_max else texts


def _severity_of_texts(severity_text: pa.Array) -> NDArray[np.uint8]:
    encoded = pc.fill_null(severity_text, "").dictionary_encode()
    words = np.array([severity_of(_bare(word)) for word in encoded.dictionary.to_pylist()] or [0], np.uint8)
    return words[encoded.indices.to_numpy(zero_copy_only=False)]


def _bare(word: str) -> str:
    """`ERROR2` is OpenTelemetry's short name for a finer ERROR."""
    return word.strip().rstrip("234")
