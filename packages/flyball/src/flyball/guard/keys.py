"""The secret files of the guard: the operator's token, the key of the log, a token for each installed hook.

All in the data folder, mode 0600, made once. They are never in an environment and never in an answer. Who has the
operator's token is the operator: approvals and every write ask for it, on loopback too.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from flyball.errors import ConfigurationError, Forbidden

OPERATOR_TOKEN = "operator.token"  # noqa: S105 - the name of a file
LOG_KEY = "log.key"
TOKENS = "tokens"
_TOKEN_BYTES = 32
_FILE_BYTES_MAX = 4096
TOKENS_MAX = 256
"""Hook tokens that are read; further files are not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who holds a hook's token. What is not empty overrides what a request says of itself."""

    client: str
    agent_name: str = ""
    environment: str = ""
    user_id: str = ""


def guard_folder(data_folder: Path) -> Path:
    """The guard's place in the data folder."""
    return data_folder / "guard"


def made_once(path: Path) -> str:
    """The secret in the file, made where there is none; readable by its owner alone.

    Raises:
        ConfigurationError: it cannot be read or made, belongs to somebody else, or is empty.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except FileExistsError:
            return _kept(path)
        with os.fdopen(handle, "w") as file:
            secret = secrets.token_urlsafe(_TOKEN_BYTES)
            file.write(secret + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be used: {error.strerror}") from error
    return secret


def operator_token(folder: Path) -> str:
    """The operator's token, for a command that acts as the operator; `folder` is DATA/guard.

    Raises:
        Forbidden: it is not there, or this user may not read it.
    """
    path = folder / OPERATOR_TOKEN
    try:
        return path.read_text()[:_FILE_BYTES_MAX].strip()
    except (OSError, UnicodeDecodeError):
        raise Forbidden(
            f"the operator's token {path} cannot be read: run this as the operator, or name the data folder with --data"
        ) from None


def kept_secret(path: Path) -> str:
    """The secret of a file that must be there.

    Raises:
        ConfigurationError: it is not there, or cannot be used.
    """
    try:
        return _kept(path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error


def _kept(path: Path) -> str:
    """The secret of a file that is there, after its mode is what it must be."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(handle) as file:
        found = os.fstat(handle)
        if found.st_uid != os.geteuid():
            raise ConfigurationError(f"{path} belongs to another user: move it away, a new one is made")
        if found.st_mode & 0o077:
            os.fchmod(handle, 0o600)
        secret = file.read(_FILE_BYTES_MAX).strip()
    if not secret:
        raise ConfigurationError(f"{path} is empty: move it away, a new one is made")
    return secret


@dataclass(slots=True)
class Keys:
    """The guard's secrets of one data folder; `folder` is DATA/guard.

    Hook tokens are files `tokens/CLIENT.token`: the token on the first line, then, where the hook is fixed to them,
    lines `agent_name=...`, `environment=...`, `user_id=...`. They are read again when the folder has changed: a file that
    is removed ends its token.
    """

    folder: Path
    operator: str
    log_key: bytes
    _hooks: dict[bytes, Identity]
    _read_at_ns: int = -1
    _signing: hmac.HMAC = field(init=False)
    """Begun with the key; a copy of it goes on in half the time that a new one takes."""

    def __post_init__(self) -> None:
        self._signing = hmac.new(self.log_key, digestmod="sha256")

    @staticmethod
    def at(folder: Path) -> Keys:
        """The keys of this folder; what is missing is made.

        Raises:
            ConfigurationError: see `made_once`.
        """
        operator = made_once(folder / OPERATOR_TOKEN)
        return Keys(folder, operator, made_once(folder / LOG_KEY).encode(), {})

    def is_operator(self, token: str) -> bool:
        """Whether this is the operator's token; the time it takes tells nothing of it."""
        return hmac.compare_digest(token.encode("utf-8", "replace"), self.operator.encode())

    def hook(self, token: str) -> Identity | None:
        """Whose token this is; None where it is no hook's. Tokens are kept as digests, so a look-up tells nothing."""
        self._read_hooks()
        return self._hooks.get(_digest(token))

    def _read_hooks(self) -> None:
        try:
            changed_ns = (self.folder / TOKENS).stat().st_mtime_ns
        except OSError:
            self._hooks = {}
            return
        if changed_ns == self._read_at_ns:
            return
        self._read_at_ns = changed_ns
        files = sorted((self.folder / TOKENS).glob("*.token"))[:TOKENS_MAX]
        self._hooks = dict(found for file in files if (found := _hook(file)))

    def sign(self, *parts: str | bytes) -> str:
        """HMAC-SHA256 of the parts under the key of the log, in hex."""
        joined = b"\0".join(part.encode() if isinstance(part, str) else part for part in parts)
        signing = self._signing.copy()
        signing.update(joined)
        return signing.hexdigest()


def _hook(file: Path) -> tuple[bytes, Identity] | None:
    try:
        lines = file.read_text()[:_FILE_BYTES_MAX].splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    token = lines[0].strip() if lines else ""
    if len(token) < 16:  # noqa: PLR2004 - as every token
        return None
    named: dict[str, str] = {}
    for line in lines[1:]:
        name, _, value = line.partition("=")
        named[name.strip()] = value.strip()
    fixed = {name: named.get(name, "") for name in ("agent_name", "environment", "user_id")}
    return _digest(token), Identity(client=file.stem, **fixed)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
