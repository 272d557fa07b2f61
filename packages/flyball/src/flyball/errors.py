"""Every error Flyball raises on purpose, and what a face makes of it.

    FlyballError
    ├── ConfigurationError     refuse to start: names the key, the value and a right example
    │   └── FolderInUse        another process has the data folder
    ├── InputError             the caller's request is wrong: HTTP 400, exit code 2
    │   └── TooLarge           a request over a named bound: HTTP 413
    ├── NotFound               an id that does not resolve: HTTP 404, exit code 4
    ├── Forbidden              the operator's token is needed and was not given: HTTP 403, exit code 5
    ├── Overloaded             a bound is reached, come again: HTTP 429 + Retry-After
    ├── StoreError             a store failed
    │   └── RowsRejected       the store will never take these rows: split, set aside, count
    └── ServerUnreachable      no server answers: says how to start one, exit code 3

The message is one readable sentence; it is what the user sees.
"""

from __future__ import annotations


class FlyballError(Exception):
    """The root; its text is one sentence for the user."""


class ConfigurationError(FlyballError):
    """A setting, port or folder that Flyball cannot start with."""


class FolderInUse(ConfigurationError):
    """Another process holds the data folder."""


class InputError(FlyballError):
    """A request, argument or payload that is not what its protocol asks for."""


class TooLarge(InputError):
    """A request over a named bound."""


class NotFound(FlyballError):
    """An id that does not resolve."""


class Forbidden(FlyballError):
    """What only the operator may do, asked without the operator's token."""


class Overloaded(FlyballError):
    """A bound is reached; the sender may try again after `retry_after_s` seconds."""

    def __init__(self, message: str, *, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StoreError(FlyballError):
    """A store failed; what it was asked may be asked again."""


class RowsRejected(StoreError):
    """The store will never take these rows."""


class ServerUnreachable(FlyballError):
    """No Flyball server answers at the address."""
