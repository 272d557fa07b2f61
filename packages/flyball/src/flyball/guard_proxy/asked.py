"""The Flyball server asked over HTTP: one kept connection a thread, bounds, and two kinds of no answer."""

from __future__ import annotations

import http.client
import json
import threading
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

SECONDS_MAX = 2.0
"""For one answer; the server's own deadline is half of it."""
BODY_BYTES_MAX = 1024 * 1024
"""As the server takes it."""
ANSWER_BYTES_MAX = 1024 * 1024
_NOT_READ = frozenset({400, 409, 413})


class Unanswered(Exception):
    """The server is away: the failure mode decides. The text says why."""


class NotRead(Exception):
    """The server is there and does not take this call: it is stopped, whatever the failure mode."""


@dataclass(frozen=True, slots=True)
class Server:
    """The guard of the Flyball server at `url`; `token` is what it knows this proxy by."""

    url: str
    token: str = ""
    seconds_max: float = SECONDS_MAX
    _kept: threading.local = field(default_factory=threading.local)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer; empty where there is none to give (204). A redirect is not followed.

        Raises:
            Unanswered: nobody is there, or no whole answer came in time.
            NotRead: the server refuses this body.
        """
        payload = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        if len(payload) > BODY_BYTES_MAX:
            raise NotRead(f"it is larger than the {BODY_BYTES_MAX} bytes that the guard reads")
        status, text = self._sent(path, payload)
        if status == http.client.NO_CONTENT:
            return {}
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise Unanswered(f"what answers at {self.url} is no Flyball server (status {status})")
        if status in _NOT_READ:
            raise NotRead(str(found.get("error") or f"status {status}")[:200])
        if status != http.client.OK:
            raise Unanswered(f"status {status}: {str(found.get('error') or '')[:200]}")
        return found

    def close(self) -> None:
        """Let go of the connection of this thread."""
        kept: http.client.HTTPConnection | None = getattr(self._kept, "connection", None)
        if kept is not None:
            kept.close()

    def _sent(self, path: str, payload: bytes) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        for attempt in (0, 1):  # a kept connection may have been closed meanwhile: a fresh one is tried once
            connection = self._connection(fresh=attempt == 1)
            try:
                connection.request("POST", path, payload, headers)
                answer = connection.getresponse()
                text = answer.read(ANSWER_BYTES_MAX + 1)
            except TimeoutError:
                connection.close()
                raise Unanswered(f"{self.url} did not answer within {self.seconds_max:g} s") from None
            except (OSError, http.client.HTTPException, ValueError):
                connection.close()
                continue
            if len(text) > ANSWER_BYTES_MAX:
                connection.close()
                raise Unanswered(f"the answer of {self.url} is too large")
            return answer.status, text
        raise Unanswered(f"nothing answers at {self.url}")

    def _connection(self, *, fresh: bool) -> http.client.HTTPConnection:
        kept: http.client.HTTPConnection | None = getattr(self._kept, "connection", None)
        if kept is None or fresh:
            parts = urlsplit(self.url)
            kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
            kept = kind(parts.hostname or "127.0.0.1", parts.port, timeout=self.seconds_max)
            self._kept.connection = kept
        return kept
