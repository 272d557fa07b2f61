"""The wall at the tool call: decode -> parse -> effects -> rules -> decision.

One pure library: no network, no model, no clock and no file of its own. What it must know of the session, the time
and the files is passed in.

    from flyball_sdk.guard import Guard, GuardBlocked

    guard = Guard.from_file("policy.yaml")             # fails here, not at the first call, if anything is missing

    @guard.tool
    def send_money(recipient: str, amount: float) -> str: ...

`Guard` needs the extra: `pip install 'flyball-sdk[guard]'`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flyball_sdk.guard.guard import Guard as Guard
    from flyball_sdk.guard.guard import GuardBlocked as GuardBlocked
    from flyball_sdk.guard.guard import GuardUnavailable as GuardUnavailable

__all__ = ["Guard", "GuardBlocked", "GuardUnavailable"]


def __getattr__(name: str) -> Any:
    """Load the evaluator when it is first asked for: the types alone need none of its parsers."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from flyball_sdk.guard import guard  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        raise ImportError(
            f"the guard needs {missing.name}: pip install 'flyball-sdk[guard]'", name=missing.name
        ) from missing
    return getattr(guard, name)
