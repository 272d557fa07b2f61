"""Other programs' settings files: read within bounds, replaced whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from flyball.errors import ConfigurationError

BYTES_MAX = 4 * 1024 * 1024
BACKUP = ".before-flyball"


def read(path: Path) -> bytes | None:
    """The file's bytes; None where there is no file.

    Raises:
        ConfigurationError: it is no regular file, too large, or cannot be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ConfigurationError(f"{path} is no file")
        text = file.read(BYTES_MAX + 1)
    if len(text) > BYTES_MAX:
        raise ConfigurationError(f"{path} is larger than {BYTES_MAX} bytes")
    return text


def replace(path: Path, text: bytes, *, was: bytes | None, mode: int | None = None) -> None:
    """Put `text` where `was` was, on the disk when this returns; what was is kept beside it, mode 0600.

    A link is followed, so that a file that is kept elsewhere stays there.

    Raises:
        ConfigurationError: the file has changed since `was` was read, or cannot be written; it is as it was then.
    """
    path = Path(os.path.realpath(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if was is not None:
            _write(path.with_name(path.name + BACKUP), was, 0o600)
            mode = stat.S_IMODE(path.stat().st_mode) if mode is None else mode
        if read(path) != was:
            raise ConfigurationError(f"{path} was changed just now by another program: nothing was written")
        _write(path, text, 0o600 if mode is None else mode)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}; it is as it was") from error


def _write(path: Path, text: bytes, mode: int) -> None:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(text)
            file.flush()
            os.fchmod(handle, mode)
            os.fsync(handle)
        beside.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove(path: Path) -> None:
    """Take a file of ours away; one that is gone is no error."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def write_ours(path: Path, text: bytes, mode: int = 0o600) -> None:
    """A file of our own in the data folder, whole or not at all; its folder is the owner's alone.

    Raises:
        ConfigurationError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(path, text, mode)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error


def json_object(path: Path, text: bytes | None) -> dict[str, Any]:
    """The object that a settings file holds; an absent or empty file holds an empty one.

    Raises:
        ConfigurationError: it is none, or one that could not be written back as it was.
    """
    import json  # noqa: PLC0415 - the one that tells of a key that is there twice

    if text is None or not text.strip():
        return {}
    try:
        value = json.loads(text.decode(), object_pairs_hook=_once, parse_constant=_no_number)
        json.dumps(value, allow_nan=False)
        orjson.dumps(value)
    except (ValueError, RecursionError, TypeError) as error:
        words = " ".join(str(error).split())[:200]
        raise ConfigurationError(
            f"{path} is no JSON that can be kept ({words}): nothing was touched"
        ) from error
    if not isinstance(value, dict):
        raise ConfigurationError(f"{path} holds no JSON object: nothing was touched")
    return value


def json_text(value: dict[str, Any]) -> bytes:
    """As the clients write it: indented by two, in the order it had."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n"


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, value in pairs:
        if key in kept:
            raise ValueError(f"the key {key[:64]!r} is there twice")
        kept[key] = value
    return kept


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
