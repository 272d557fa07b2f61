"""`flyball` as it might have been: `python -m harness.older_rules up ...` runs it under a fake older rule set.

Finer than today's in one place (a key's value stays), coarser in others (any word after `for` goes, and a path
in a span's name), and it did not know passwords. It takes the pure path: the compiled core has today's rules.
"""

from __future__ import annotations

import os
import re

import flyball_sdk.redact
from flyball.cli.main import main
from flyball.commands import upgrade_rules
from flyball.distill import catalog, mask, redact, shapes

OLDER = redact.RULES_VERSION - 1


def _mask(key: str) -> str:
    return re.sub(r"(?<=\bfor )\w+", "<*>", mask.mask(key))


def _put_back() -> None:
    os.environ["FLYBALL_PURE"] = "1"
    for module in (redact, shapes, catalog, upgrade_rules):
        module.RULES_VERSION = OLDER  # pyright: ignore[reportAttributeAccessIssue]
    catalog.Catalog.__init__.__kwdefaults__ = {"rules": OLDER}
    mask._KEY_VALUE = re.compile(r"(?!)")
    shapes.__dict__.update(mask=_mask, mask_name=mask.mask)
    flyball_sdk.redact.RULES = tuple(rule for rule in flyball_sdk.redact.RULES if rule.name != "named secret")


if __name__ == "__main__":
    _put_back()
    main()
