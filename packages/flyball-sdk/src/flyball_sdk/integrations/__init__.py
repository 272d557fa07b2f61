"""The clients that are traced without a word in the app. Each is patched when it is imported, never imported for it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from flyball_sdk.tracing.runtime import safely

CLIENTS = ("anthropic", "openai", "litellm")

_patched: set[str] = set()


def instrument() -> None:
    """Patch what is imported already, and the rest when it is imported."""
    for name in CLIENTS:
        module = sys.modules.get(name)
        if module is not None and not getattr(getattr(module, "__spec__", None), "_initializing", False):
            _patch(name)
    waiting = {name for name in CLIENTS if name not in _patched}
    if waiting and not any(isinstance(one, _Finder) for one in sys.meta_path):
        sys.meta_path.insert(0, _Finder(waiting))


def _patch(name: str) -> None:
    if name not in _patched:
        _patched.add(name)
        safely(lambda: importlib.import_module(f"{__name__}.{name}").patch(sys.modules[name]), None)


class _Finder(MetaPathFinder):
    """Finds a client as the others would, and has it patched once it is loaded."""

    def __init__(self, waiting: set[str]) -> None:
        self._waiting = waiting

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if fullname not in self._waiting:
            return None
        self._waiting.discard(fullname)  # the search below comes by here again
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec, spec.loader)
        return spec


class _Loader(Loader):
    """Loads by the client's own loader, which is put back before the client's code runs."""

    def __init__(self, spec: ModuleSpec, inner: Loader) -> None:
        self._spec, self._inner = spec, inner

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._spec.loader = module.__loader__ = self._inner
        self._inner.exec_module(module)
        _patch(self._spec.name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
