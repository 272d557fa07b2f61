"""Bring ended spans to a Flyball server: a bounded queue, one thread, OTLP over HTTP as JSON.

The app's thread only appends. What the server does not take is retried a few times, then counted as failed; what does not
fit into the queue is counted as dropped. Nothing is raised, and the end of the process waits at most `EXIT_S`.
Why JSON over the standard library and not the OTLP exporter's package: docs/decisions/0019.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
import urllib.error
import urllib.request
import weakref
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from flyball_sdk.tracing import otlp_json

log = logging.getLogger("flyball_sdk")

QUEUE_SPANS_MAX = 4_096
BATCH_SPANS_MAX = 256
FLUSH_S = 1.0
"""How long a span waits for others, at most."""
REQUEST_S = 5.0
"""Each wait of a request (to connect, for the next bytes) takes at most so long."""
EXIT_S = 2.0
"""How long the end of the process waits for what is queued."""
ATTEMPTS_MAX = 4
RETRY_AFTER_S_MAX = 30.0
ANSWER_BYTES_MAX = 64 * 1024
_PASSING = frozenset({408, 429, 502, 503, 504})
"""Statuses after which the same request may succeed (the OTLP specification's list, and 408)."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of the spans so far.

    `sent` were acknowledged, `failed` given up (refused, or out of attempts), `dropped` did not fit into the queue,
    `queued` wait. `joined` says that the app's own tracer provider delivers them, which counts for itself.
    """

    sent: int = 0
    failed: int = 0
    dropped: int = 0
    queued: int = 0
    last_error: str = ""
    joined: bool = False


class Failed(Exception):
    """One attempt that did not succeed; `again` says after how many seconds another one may, None for never."""

    def __init__(self, why: str, again: float | None) -> None:
        """Keep both."""
        super().__init__(why)
        self.again = again


class _Stays(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: a token goes to the address that was configured, and nowhere else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """No other request."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where spans go: the address of a server (`/v1/traces` is added) and headers to send."""

    url: str
    headers: Mapping[str, str]

    def post(self, body: bytes, timeout_s: float) -> int:
        """Deliver one request; how many spans of it were rejected.

        Raises:
            Failed: it was not taken.
        """
        try:
            request = urllib.request.Request(  # noqa: S310 - the scheme is checked by `endpoint_of`
                self.url, body, {"Content-Type": "application/json", **self.headers}
            )
            with urllib.request.build_opener(_Stays).open(request, timeout=timeout_s) as answer:
                return _rejected(answer.read(ANSWER_BYTES_MAX))
        except urllib.error.HTTPError as answer:
            with answer:
                again = _seconds(answer.headers.get("Retry-After")) if answer.code in _PASSING else None
            raise Failed(f"{self.url} answered {answer.code}", again) from None
        except Failed:
            raise
        except OSError as why:
            raise Failed(f"{self.url}: {getattr(why, 'reason', why)}", 0.0) from None
        except Exception as why:  # noqa: BLE001 - the edge: http.client raises what a hostile answer makes it raise
            raise Failed(f"{self.url}: {type(why).__name__}", None) from None


def endpoint_of(address: str, headers: Mapping[str, str] | None = None) -> Endpoint | None:
    """The endpoint of an address, None if it is no http(s) URL."""
    try:
        parts = urlsplit(address)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        valid = False
    if not valid:
        return None
    url = address.rstrip("/")
    return Endpoint(url if url.endswith("/v1/traces") else f"{url}/v1/traces", dict(headers or {}))


def _rejected(answer: bytes) -> int:
    """How many spans an answer of 200 rejects. What is no answer of OTLP's took none: a login page says 200, too.

    Raises:
        Failed: see above.
    """
    if not answer:
        return 0
    try:
        found = json.loads(answer)
        partial = found.get("partialSuccess") or {}
        return int(partial.get("rejectedSpans") or 0)
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise Failed("answered 200 with what is no OTLP answer", None) from None


def _seconds(header: str | None) -> float:
    try:
        return min(max(float(header or 0), 0.0), RETRY_AFTER_S_MAX)
    except ValueError:
        return 0.0


class Deliverer(SpanProcessor):
    """The queue and its thread. The thread starts with the first span, and again in a forked child."""

    def __init__(self, endpoint: Endpoint | None, why_none: str = "") -> None:
        """Without an endpoint everything fails, and `why_none` is the last error."""
        self._endpoint = endpoint
        self._error = why_none
        self._sent = self._failed = self._dropped = self._flying = 0
        self._reset()
        ours = weakref.ref(self)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=lambda: (mine := ours()) and mine.forked())

    def _reset(self) -> None:
        self._queue: deque[ReadableSpan] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._until: float | None = None  # the clock at which a stop gives up
        self._flush = False

    def forked(self) -> None:
        """A child has no thread, and what its parent queued is the parent's to send."""
        self._flying = 0
        self._reset()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing to do."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a span, or count it as dropped."""
        context = span.get_span_context()
        if not context or not context.trace_flags.sampled:
            return
        with self._changed:
            if len(self._queue) + self._flying >= QUEUE_SPANS_MAX or self._until is not None:
                self._dropped += 1
                return
            if self._thread is None and not self._start():
                self._dropped += 1
                return
            self._queue.append(span)
            if len(self._queue) == BATCH_SPANS_MAX:
                self._changed.notify_all()

    def _start(self) -> bool:
        """Start the thread; an interpreter that is about to end starts none."""
        thread = threading.Thread(target=self._work, name="flyball-delivery", daemon=True)
        try:
            thread.start()
        except RuntimeError as why:
            self._error = str(why)
            return False
        self._thread = thread
        return True

    def delivery(self) -> Delivery:
        """The counts as they are now."""
        with self._changed:
            queued = len(self._queue) + self._flying
            return Delivery(self._sent, self._failed, self._dropped, queued, self._error)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what is queued; whether nothing was left within the time."""
        until = time.monotonic() + timeout_millis / 1000
        with self._changed:
            self._flush = True
            self._changed.notify_all()
            while self._queue or self._flying:
                left = until - time.monotonic()
                if left <= 0 or self._thread is None:
                    return False
                self._changed.wait(left)
        return True

    def shutdown(self) -> None:
        """Send what is queued within `EXIT_S`, count the rest as failed, and say so once in the log."""
        with self._changed:
            if self._until is not None:
                return
            self._until = time.monotonic() + EXIT_S
            self._changed.notify_all()
            thread = self._thread
        if thread:
            thread.join(EXIT_S)
        with self._changed:
            left = len(self._queue) + self._flying
            self._failed += left
            self._queue.clear()
            self._flying = 0
            if left and not self._error:
                self._error = f"not acknowledged within {EXIT_S:g} s of the end"
        told = self.delivery()
        if told.failed or told.dropped:
            log.warning(
                "flyball: %d spans sent, %d failed, %d dropped; last error: %s",
                told.sent,
                told.failed,
                told.dropped,
                told.last_error or "none",
            )

    def _work(self) -> None:
        """The thread: batches until a stop has drained the queue or run out of time."""
        while True:
            with self._changed:
                stopping = self._until is not None
                if not stopping and not self._flush and len(self._queue) < BATCH_SPANS_MAX:
                    self._changed.wait(FLUSH_S)
                batch = [self._queue.popleft() for _ in range(min(len(self._queue), BATCH_SPANS_MAX))]
                self._flying = len(batch)
                if not batch:
                    self._flush = False
                    self._changed.notify_all()
                    if self._until is not None:
                        return
                    continue
            rejected, why = self._deliver(batch)
            self._count(len(batch), rejected, why)

    def _count(self, all_of_it: int, rejected: int, why: str) -> None:
        with self._changed:
            if self._flying:  # else a stop gave up on it and has counted it
                self._failed += rejected
                self._sent += all_of_it - rejected
            self._flying = 0
            self._error = why or self._error
            self._changed.notify_all()

    def _deliver(self, batch: list[ReadableSpan]) -> tuple[int, str]:
        """How many spans of the batch did not arrive, and why."""
        if self._endpoint is None:
            return len(batch), self._error
        try:
            body = otlp_json.request(batch)
        except Exception as why:  # noqa: BLE001 - a span of another library may hold what cannot be read
            return len(batch), f"cannot be written as OTLP: {type(why).__name__}"
        why = ""
        for attempt in range(ATTEMPTS_MAX):
            try:
                rejected = self._endpoint.post(body, self._timeout())
            except Failed as failure:
                why = str(failure)
                if failure.again is None or attempt + 1 == ATTEMPTS_MAX:
                    break
                if not self._pause(max(failure.again, 2.0**attempt)):
                    break
            else:
                return min(max(rejected, 0), len(batch)), f"{rejected} spans rejected" if rejected else ""
        return len(batch), why

    def _timeout(self) -> float:
        return REQUEST_S if self._until is None else max(0.05, min(REQUEST_S, self._until - time.monotonic()))

    def _pause(self, seconds: float) -> bool:
        """Wait before another attempt; False when a stop asks to make an end."""
        until = time.monotonic() + seconds
        with self._changed:
            while self._until is None and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
            return self._until is None
