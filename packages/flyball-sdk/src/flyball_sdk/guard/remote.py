"""Asks a Flyball server about a call: one kept connection a thread, a deadline, and a name for every failure."""

from __future__ import annotations

import http.client
import json
import threading
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from flyball_sdk.guard.call import ToolCall
from flyball_sdk.guard.decision import Decision
from flyball_sdk.guard.rule import SEVERITIES, STRICTNESS, Action

DEADLINE_S = 0.5
ANSWER_BYTES_MAX = 256 * 1024


class RemoteFailure(Exception):
    """No answer of the server: `kind` is refused, deadline, status, garbled or refused_token."""

    def __init__(self, kind: str) -> None:
        """Keep the kind."""
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Remote:
    """A server's guard."""

    url: str
    token: str = ""
    deadline_s: float = DEADLINE_S
    _kept: threading.local = field(default_factory=threading.local)

    def evaluate(self, call: ToolCall, decision_id: str) -> Decision:
        """The server's decision.

        Raises:
            RemoteFailure: it gave none.
        """
        body = json.dumps(
            {
                "tool_name": call.tool_name,
                "tool_input": dict(call.tool_input),
                "context": {name: getattr(call.context, name) for name in call.context.__slots__},
                "decision_id": decision_id,
                "deadline_ms": int(self.deadline_s * 1000),
            },
            default=str,
        ).encode()
        return _decision(self._post(body))

    def _post(self, body: bytes) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {self.token}"} if self.token else {}
        )
        for attempt in (0, 1):  # a kept connection may have been closed meanwhile: a fresh one is tried once
            connection = self._connection(fresh=attempt == 1)
            try:
                connection.request("POST", "/v1/guard/evaluate", body, headers)
                answer = connection.getresponse()
                text = answer.read(ANSWER_BYTES_MAX)
            except TimeoutError:
                connection.close()
                raise RemoteFailure("deadline") from None
            except (OSError, http.client.HTTPException):
                connection.close()
                if attempt:
                    raise RemoteFailure("refused") from None
                continue
            if answer.status in (401, 403):
                raise RemoteFailure("refused_token")
            if answer.status != 200:  # noqa: PLR2004 - HTTP's own number
                raise RemoteFailure(f"status {answer.status}")
            try:
                found = json.loads(text)
            except ValueError:
                raise RemoteFailure("garbled") from None
            if isinstance(found, dict):
                return found
            raise RemoteFailure("garbled")
        raise RemoteFailure("refused")

    def _connection(self, *, fresh: bool) -> http.client.HTTPConnection:
        kept: http.client.HTTPConnection | None = getattr(self._kept, "connection", None)
        if kept is None or fresh:
            parts = urlsplit(self.url)
            kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
            kept = kind(parts.hostname or "127.0.0.1", parts.port, timeout=self.deadline_s)
            self._kept.connection = kept
        return kept


def _decision(found: dict[str, Any]) -> Decision:
    action, would = _action(found.get("action")), _action(found.get("would") or found.get("action"))
    severity = found.get("severity")
    return Decision(
        action=action,
        would=would,
        reason=str(found.get("reason") or ""),
        severity=severity if severity in SEVERITIES else None,
        safer=str(found.get("safer") or ""),
        decision_id=str(found.get("decision_id") or ""),
        modified_input=found.get("modified_input"),
    )


def _action(text: Any) -> Action:
    if text not in STRICTNESS:
        raise RemoteFailure("garbled")
    return text
