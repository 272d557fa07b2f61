"""The compiled core, when it is there: one shared library, called through ctypes, which lets go of the interpreter.

`library()` is None where the core was not built (no compiler at install) or is switched off with FLYBALL_PURE=1;
who asks then takes the pure path, which gives the same answers and is slower.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import os
from pathlib import Path

_ABI = 3
"""What `flyball_abi` of the library must say; a library of another build is not used."""
_PATH = Path(__file__).with_name("_core.so")

_log = logging.getLogger(__name__)


@functools.cache
def library() -> ctypes.CDLL | None:
    """The library, loaded once; None (and one notice) without it."""
    if os.environ.get("FLYBALL_PURE") == "1":
        return None
    try:
        core = ctypes.CDLL(os.environ.get("FLYBALL_CORE") or str(_PATH))
    except OSError:
        _log.warning(
            "running without the compiled core (no C compiler at install?): the same answers, slower"
        )
        return None
    if core.flyball_abi() != _ABI:
        _log.warning(
            "the compiled core is of another build and not used: install Flyball again; slower until then"
        )
        return None
    return core
