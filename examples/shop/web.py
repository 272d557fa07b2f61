"""HTTP between the services: a small threading server and a keep-alive client, both traced.

A request is JSON in and JSON out. The caller's span context travels in the W3C `traceparent` header, so one
order is one trace through all services. It is no framework: it knows what five small services need.
"""

from __future__ import annotations

import json
import logging
import socket
import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition
from typing import Any, cast
from urllib.parse import quote, unquote

from opentelemetry import metrics, trace
from opentelemetry.propagate import extract, inject
from opentelemetry.trace import SpanKind, Status, StatusCode
from shop.pool import Pool

BODY_MAX_BYTES = 64 * 1024
CALL_MAX_S = 5.0
IDLE_MAX_S = 60.0

_log = logging.getLogger("shop.web")
_tracer = trace.get_tracer("shop.web")
_meter = metrics.get_meter("shop.web")
_duration = _meter.create_histogram("http.server.request.duration", unit="s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a handler gets: the parts of the path that its template names, headers, and the JSON body."""

    ids: Mapping[str, str]
    headers: Mapping[str, str]
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An HTTP status and a JSON body."""

    status: int = 200
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])


Handler = Callable[[Request], Reply]
Routes = Mapping[str, Handler]
"""`"GET /products/{sku}"` -> the handler."""


class Server(ThreadingHTTPServer):
    """Serves routes on a socket that listens already; other processes may accept on the same socket."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, listener: socket.socket, routes: Routes) -> None:
        super().__init__(("", 0), _Exchange, bind_and_activate=False)
        self.socket.close()
        listener.setblocking(False)  # during a deploy two releases race for each connection
        self.socket = listener
        self.routes = {tuple(route.split(" ", 1)): handler for route, handler in routes.items()}
        self.stopping = False
        self._in_flight = 0
        self._idle = Condition()

    def drain(self, wait_max_s: float) -> int:
        """Accept nothing more, let what runs finish; returns how many requests did not in time."""
        self.stopping = True
        self.shutdown()
        with self._idle:
            self._idle.wait_for(lambda: self._in_flight == 0, wait_max_s)
            return self._in_flight

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say what broke a connection, but not that its other side went away."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    @contextmanager
    def one_more(self) -> Generator[None]:
        """Count a request in flight."""
        with self._idle:
            self._in_flight += 1
        try:
            yield
        finally:
            with self._idle:
                self._in_flight -= 1
                self._idle.notify_all()


class _Exchange(BaseHTTPRequestHandler):
    """The requests of one connection, one after the other."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 16 * 1024  # headers and body leave in one segment
    timeout = IDLE_MAX_S

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Spans tell what was asked; the base class would write it to stderr too."""

    def _answer(self) -> None:
        server = cast("Server", self.server)
        with server.one_more():
            reply = self._traced(server.routes)
            content = json.dumps(reply.body).encode()
            self.send_response(reply.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            if server.stopping:
                self.send_header("connection", "close")
                self.close_connection = True
            self.end_headers()
            self.wfile.write(content)
            self.wfile.flush()

    def _traced(self, routes: Mapping[tuple[str, ...], Handler]) -> Reply:
        started = time.perf_counter()
        route, handler, ids = _match(routes, self.command, self.path)
        attributes = {"http.request.method": self.command, "http.route": route}
        headers = {name.lower(): value for name, value in self.headers.items()}
        with _tracer.start_as_current_span(
            f"{self.command} {route}",
            context=extract(headers),
            kind=SpanKind.SERVER,
            attributes={**attributes, "url.path": self.path},
        ) as span:
            length = min(int(headers.get("content-length", "0")), BODY_MAX_BYTES)
            body = json.loads(self.rfile.read(length)) if length else {}
            try:
                reply = handler(Request(ids=ids, headers=headers, body=body))
            except Exception as error:  # noqa: BLE001 - the edge of a request: the next one must be served
                _log.exception("%s %s failed", self.command, route)
                span.record_exception(error)
                reply = Reply(status=500, body={"error": type(error).__name__})
            span.set_attribute("http.response.status_code", reply.status)
            if reply.status >= 500:
                span.set_status(Status(StatusCode.ERROR))
        _duration.record(
            time.perf_counter() - started, {**attributes, "http.response.status_code": reply.status}
        )
        return reply


def _match(
    routes: Mapping[tuple[str, ...], Handler], method: str, path: str
) -> tuple[str, Handler, Mapping[str, str]]:
    """The template, handler and named parts for a path; unknown paths share one template."""
    parts = path.split("/")
    for (verb, template), handler in routes.items():
        names = template.split("/")
        if verb == method and len(names) == len(parts):
            pairs = list(zip(names, parts, strict=True))
            if all(name.startswith("{") or name == part for name, part in pairs):
                ids = {name[1:-1]: unquote(part) for name, part in pairs if name.startswith("{")}
                return template, handler, ids
    return "unknown", lambda _: Reply(status=404), {}


class Connection:
    """One keep-alive connection to another service."""

    def __init__(self, service: str, address: str) -> None:
        self._service = service
        host, _, port = address.rpartition(":")
        self._address: dict[str, str | int] = {"server.address": host, "server.port": int(port)}
        self._http = HTTPConnection(host, int(port), timeout=CALL_MAX_S)

    def request(
        self,
        method: str,
        template: str,
        body: Mapping[str, Any] | None = None,
        **ids: str,
    ) -> Reply:
        """Send a request to the template filled with `ids`, traced as a client span.

        Raises:
            OSError, HTTPException: the other side cannot be reached or broke off.
        """
        path = template.format(**{name: quote(value, safe="") for name, value in ids.items()})
        with _tracer.start_as_current_span(
            f"{method} {template}",
            kind=SpanKind.CLIENT,
            attributes={"http.request.method": method, "url.template": template, **self._address},
        ) as span:
            headers = {"content-type": "application/json"}
            inject(headers)
            content = json.dumps(body).encode() if body is not None else None
            reply = self._exchange(method, path, content, headers)
            span.set_attribute("http.response.status_code", reply.status)
            if reply.status >= 400:
                span.set_status(Status(StatusCode.ERROR))
        return reply

    def _exchange(self, method: str, path: str, content: bytes | None, headers: dict[str, str]) -> Reply:
        reused = self._http.sock is not None
        try:
            return self._once(method, path, content, headers)
        except (ConnectionError, HTTPException):
            # The other side closed a connection while it lay idle: the request was never read, so it is
            # sent once more. On a fresh connection the same error is a real one.
            if not reused:
                raise
            return self._once(method, path, content, headers)

    def _once(self, method: str, path: str, content: bytes | None, headers: dict[str, str]) -> Reply:
        try:
            self._http.request(method, path, content, headers)
            response = self._http.getresponse()
            return Reply(status=response.status, body=json.loads(response.read(BODY_MAX_BYTES)))
        except (OSError, HTTPException):
            self._http.close()  # the next request opens it again
            raise


class Upstream(Pool[Connection]):
    """Another service, reached over a bounded pool of connections."""

    def __init__(self, service: str, address: str, *, size_max: int, wait_max_s: float = CALL_MAX_S) -> None:
        super().__init__(
            service, lambda: Connection(service, address), size_max=size_max, wait_max_s=wait_max_s
        )
        _meter.create_observable_gauge(
            f"shop.{service}.connections", [self._observe], unit="{connection}", description="In use."
        )

    def request(self, method: str, template: str, body: Mapping[str, Any] | None = None, **ids: str) -> Reply:
        """Borrow a connection for one request."""
        with self.connection() as connection:
            return connection.request(method, template, body, **ids)

    def _observe(self, _: metrics.CallbackOptions) -> Iterator[metrics.Observation]:
        yield metrics.Observation(self.in_use)
