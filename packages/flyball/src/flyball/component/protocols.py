"""What each kind of component must do: one verb."""

from __future__ import annotations

from typing import Protocol

from flyball.component.context import ReceiverContext


class Receiver(Protocol):
    """A source of telemetry: a frozen dataclass of its settings.

    `run` receives until it is cancelled, or, for a source that ends (stdin), until the end. It hands each export
    request to `ctx.emit` and acknowledges its sender only when that returns. Rubbish is counted with
    `ctx.count("dropped: <reason>", n)`, never raised. On cancellation it stops within a few seconds.
    """

    async def run(self, ctx: ReceiverContext) -> None:
        """Receive until cancelled.

        Raises:
            ConfigurationError: the source cannot be opened as configured (a port in use, a missing file).
        """
        ...
