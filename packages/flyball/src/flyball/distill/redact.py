"""Redact batches: secrets go before anything else sees a text; what stood there is `<*>`.

What a secret is stands in `flyball_sdk.redact`. A batch without one costs one RE2 scan; only texts that it hits are
rewritten in Python.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from flyball_sdk.redact import PREFILTER, SECRET_KEY, WILDCARD, redact_text

RULES_VERSION = 3
"""Raise it whenever a mask or a redaction rule changes what any line becomes; it is stored with each shape."""


def redact(texts: pa.Array) -> tuple[pa.Array, int]:
    """The texts without secrets, and in how many something was redacted. Idempotent; nulls stay."""
    suspects = pc.fill_null(pc.match_substring_regex(texts, PREFILTER), fill_value=False)
    if not suspects.true_count:
        return texts, 0
    before = texts.filter(suspects).to_pylist()
    after = [redact_text(text) for text in before]
    changed = sum(old != new for old, new in zip(before, after, strict=True))
    if not changed:
        return texts, 0
    return pc.replace_with_mask(texts, suspects, pa.array(after, texts.type)), changed


def redact_attributes(keys: pa.Array, values: pa.Array) -> pa.Array:
    """`redact_value` over two arrays: values of secret names become `<*>`, the others lose their secrets."""
    values, _redacted = redact(values)
    encoded = keys.dictionary_encode()
    secret = pa.array(
        [bool(SECRET_KEY.search(key or "")) for key in encoded.dictionary.to_pylist()], pa.bool_()
    )
    return pc.if_else(secret.take(encoded.indices), WILDCARD, values)
