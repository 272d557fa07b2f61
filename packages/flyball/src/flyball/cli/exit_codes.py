"""What a script may rely on: the exit code of a command, and which error ends in which."""

from __future__ import annotations

from flyball.errors import (
    ConfigurationError,
    FlyballError,
    Forbidden,
    InputError,
    NotFound,
    ServerUnreachable,
)

INTERRUPTED = 130
EXIT_CODES = {
    0: "answered",
    1: "failed: what was asked for did not come, or a store failed",
    2: "wrong arguments or settings, or a folder, file or port that cannot be used",
    3: "no Flyball server answers at the address",
    4: "no such change, finding or evidence",
    5: "only the operator may do that, and the operator's token was not given or is not the one",
    INTERRUPTED: "interrupted (Ctrl-C); `flyball up` ends with 0, Ctrl-C is how it is stopped",
}
"""The reference page lists the same."""


def exit_code(error: FlyballError) -> int:
    """The documented exit code of an error."""
    kinds = (InputError, 2), (ConfigurationError, 2), (ServerUnreachable, 3), (NotFound, 4), (Forbidden, 5)
    for kind, code in kinds:
        if isinstance(error, kind):
            return code
    return 1
