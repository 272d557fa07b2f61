"""Put the shop of examples/shop into the wheel, for `flyball demo` (docs/decisions/0004).

In the source checkout it lies outside this distribution; a source archive carries it as `_examples`. An
editable installation runs it where it lies.
"""

# hatchling is there only while a distribution is built
# pyright: reportMissingImports=false, reportUntypedBaseClass=false

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_INSIDE = {"wheel": "flyball/_examples/shop", "sdist": "_examples/shop"}


class CustomBuildHook(BuildHookInterface):  # noqa: D101 - hatchling finds it by this name
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: D102
        if version == "editable":
            return
        root = Path(self.root)
        places = root.parents[1] / "examples" / "shop", root / "_examples" / "shop"
        shop = next(place for place in places if place.is_dir())
        for path in sorted(shop.rglob("*")):
            if path.suffix in {".py", ".md"}:
                inside = f"{_INSIDE[self.target_name]}/{path.relative_to(shop)}"
                build_data["force_include"][str(path)] = inside
