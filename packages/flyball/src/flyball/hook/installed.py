"""What was installed where: the copy of the hook process, and the record that `status` holds reality against."""

from __future__ import annotations

import hashlib
import os
import py_compile
import secrets
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from flyball.errors import ConfigurationError
from flyball.hook import alone, files
from flyball.hook.alone.process import PLACES
from flyball.hook.command import RUN, Client, interpreter
from flyball.hook.merged import Handler

_RECORD = "hook/installed.json"
_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """One installation. `handlers` are digests: the handlers themselves may hold a token."""

    client: Client
    scope: str
    file: str
    fail: str
    via: str
    python: str
    handlers: dict[str, str]
    copy: str


def load(guard_folder: Path) -> dict[str, Installed]:
    """Client -> what was installed.

    Raises:
        ConfigurationError: the record cannot be read; installing anew writes it.
    """
    text = files.read(guard_folder / _RECORD)
    try:
        return {client: Installed(**fields) for client, fields in orjson.loads(text or b"{}").items()}
    except (ValueError, TypeError, AttributeError) as error:
        path = guard_folder / _RECORD
        raise ConfigurationError(
            f"{path} is not what was written there; `flyball install` does it anew"
        ) from error


def save(guard_folder: Path, known: dict[str, Installed]) -> None:
    """Write the record, and for the hook process the settings files that it stands in."""
    record = {client: asdict(one) for client, one in known.items()}
    files.write_ours(guard_folder / _RECORD, orjson.dumps(record, option=orjson.OPT_INDENT_2))
    places = "\n".join(
        sorted({place for one in known.values() for place in (one.file, os.path.realpath(one.file))})
    )
    files.write_ours(guard_folder / "hook" / PLACES, places.encode())


def put_copy(guard_folder: Path) -> str:
    """Copy the hook process into the data folder, compiled; the digest of the copy.

    A copy outlives an environment that is removed or moved, and is the same for every client. It is compiled here, for
    the interpreter it is run on, because the hook may not write (`-B`): each start would compile it again. A copy that
    is as it should be stays, for hooks may be running.
    """
    folder = (guard_folder / RUN).parent
    new = folder.with_name("new")
    shutil.rmtree(new, ignore_errors=True)
    for path in sorted(Path(alone.__file__).parent.glob("*.*")):
        copied = new / path.name
        files.write_ours(copied, path.read_bytes(), 0o400)
        if path.suffix != ".py":
            continue
        py_compile.compile(
            str(copied), dfile=str(folder / path.name), doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )  # fmt: skip
    digest = _digest(new)
    if _digest(folder) == digest:
        shutil.rmtree(new)
    else:
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
    return digest


def digest_of_copy(guard_folder: Path) -> str:
    """SHA-256 of every file of the copy, their names included; empty when there is none."""
    return _digest((guard_folder / RUN).parent)


def _digest(folder: Path) -> str:
    whole = hashlib.sha256()
    found = sorted(path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    for path in found:
        text = files.read(path) or b""
        whole.update(f"{path.relative_to(folder)}\0{len(text)}\0".encode() + text)
    return whole.hexdigest() if found else ""


def digest_of(handler: Handler) -> str:
    """SHA-256 of a handler as its settings say it."""
    return hashlib.sha256(orjson.dumps(handler, option=orjson.OPT_SORT_KEYS)).hexdigest()


def token_file(guard_folder: Path, client: Client) -> Path:
    """Where the token of a client's hook is; the server reads the same."""
    return guard_folder / "tokens" / f"{client}.token"


def token_of(guard_folder: Path, client: Client) -> str:
    """The token of a client's hook, made where there is none."""
    path = token_file(guard_folder, client)
    lines = (files.read(path) or b"").decode("ascii", "replace").splitlines()
    if lines and lines[0].strip():
        return lines[0].strip()
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    files.write_ours(path, token.encode() + b"\n")
    return token


def python() -> Path:
    """The interpreter, which must be there and be one that the copy was compiled for."""
    found = interpreter()
    if not os.access(found, os.X_OK):
        raise ConfigurationError(f"{found} cannot be run: the hook needs this Python")
    return found


def view(one: Installed) -> dict[str, Any]:
    """For people and programs: without digests."""
    return {"scope": one.scope, "settings": one.file, "fail": one.fail, "via": one.via}
