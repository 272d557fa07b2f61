"""Build the compiled core, and put the shop of examples/shop into the wheel for `flyball demo` (docs/decisions/0004).

The shop lies outside this distribution in the source checkout; a source archive carries it as `_examples`. An
editable installation runs it where it lies. Without a compiler the wheel is a pure one: the same answers, slower.
"""

# hatchling is there only while a distribution is built
# pyright: reportMissingImports=false, reportUntypedBaseClass=false

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_INSIDE = {"wheel": "flyball/_examples/shop", "sdist": "_examples/shop"}


class CustomBuildHook(BuildHookInterface):  # noqa: D101 - hatchling finds it by this name
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: D102
        if self.target_name == "wheel":
            self._build_core(build_data)
        if version != "editable":
            self._add_shop(build_data)

    def _build_core(self, build_data: dict[str, Any]) -> None:
        folder = Path(self.root) / "native"
        sys.path.insert(0, str(folder))
        from core_build import LIBRARY, BuildError, build

        try:
            build()
        except BuildError as error:
            self.app.display_warning(
                f"the compiled core is left out, Flyball runs slower without it: {error}"
            )
            LIBRARY.unlink(missing_ok=True)
            return
        build_data["artifacts"].append(f"/src/flyball/{LIBRARY.name}")
        build_data["pure_python"] = False
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"  # no Python headers are used: any Python will do

    def _add_shop(self, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        places = root.parents[1] / "examples" / "shop", root / "_examples" / "shop"
        shop = next(place for place in places if place.is_dir())
        for path in sorted(shop.rglob("*")):
            if path.suffix in {".py", ".md"}:
                inside = f"{_INSIDE[self.target_name]}/{path.relative_to(shop)}"
                build_data["force_include"][str(path)] = inside
