"""Receive OTLP over gRPC; acknowledged when durable.

The handlers take the message as bytes: it is checked, logged ahead and decoded once, later. A full buffer
answers RESOURCE_EXHAUSTED with RetryInfo, which tells exporters to come again.
Source: https://opentelemetry.io/docs/specs/otlp/#otlpgrpc
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from flyball.component.context import ReceiverContext
from flyball.errors import ConfigurationError, FlyballError, InputError, Overloaded
from flyball.model.export import Export, Signal
from flyball.receivers.otlp_decode import check
from flyball.receivers.otlp_http import PAYLOAD_BYTES_MAX

_SERVICES = {
    Signal.LOGS: "opentelemetry.proto.collector.logs.v1.LogsService",
    Signal.TRACES: "opentelemetry.proto.collector.trace.v1.TraceService",
    Signal.METRICS: "opentelemetry.proto.collector.metrics.v1.MetricsService",
}
_STOP_SECONDS = 5
_DETAILS = "grpc-status-details-bin"


@dataclass(frozen=True, kw_only=True)
class OtlpGrpc:
    """OTLP/gRPC on a port of its own. `flyball up` starts it."""

    listen: str = "127.0.0.1:4317"
    """Address and port to bind."""

    async def run(self, ctx: ReceiverContext) -> None:
        """Serve until cancelled.

        Raises:
            ConfigurationError: the port is in use.
        """
        server = grpc.aio.server(
            compression=grpc.Compression.NoCompression,
            options=[
                ("grpc.max_receive_message_length", PAYLOAD_BYTES_MAX),
                ("grpc.so_reuseport", 0),
            ],
        )
        for signal, service in _SERVICES.items():
            handler = grpc.unary_unary_rpc_method_handler(_handler(signal, ctx))
            server.add_generic_rpc_handlers(
                (grpc.method_handlers_generic_handler(service, {"Export": handler}),)
            )
        try:
            _bind(server, self.listen)
            await server.start()
            ctx.ready()
            await server.wait_for_termination()
        finally:
            await asyncio.shield(server.stop(_STOP_SECONDS))


def _bind(server: grpc.aio.Server, listen: str) -> None:
    try:
        server.add_insecure_port(listen)
    except RuntimeError as error:
        host, _, port = listen.rpartition(":")
        raise ConfigurationError(
            f"port {port} on {host} cannot be used: Address already in use;"
            " flyball up --help tells how to choose another"
        ) from error


def _handler(signal: Signal, ctx: ReceiverContext) -> Callable[[bytes, Any], Awaitable[bytes]]:
    async def export(payload: bytes, call: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        if ctx.token and not _has_token(call, ctx.token):
            await call.abort(
                grpc.StatusCode.UNAUTHENTICATED, "a token is needed: authorization: Bearer TOKEN"
            )
        try:
            records = check(signal, payload)
            if records:
                await ctx.emit(Export(signal=signal, payload=payload, received_ns=ctx.clock.now_ns()))
            ctx.count(f"received: {signal}", records)
        except Overloaded as error:
            ctx.count("refused: Overloaded", 1)
            call.set_trailing_metadata(((_DETAILS, _retry_info(error)),))
            await call.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))
        except InputError as error:
            ctx.count("refused: InputError", 1)
            await call.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except FlyballError as error:
            ctx.count(f"refused: {type(error).__name__}", 1)
            await call.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        return b""  # an empty Export*ServiceResponse: everything was taken

    return export


def _has_token(call: grpc.aio.ServicerContext[Any, Any], token: str) -> bool:
    given = dict(call.invocation_metadata() or ()).get("authorization", "")
    text = given if isinstance(given, str) else given.decode("latin-1")
    return hmac.compare_digest(text.removeprefix("Bearer ").encode(), token.encode())


def _retry_info(error: Overloaded) -> bytes:
    """`google.rpc.Status` with RetryInfo: without it exporters give a RESOURCE_EXHAUSTED batch up."""
    info = error_details_pb2.RetryInfo()
    info.retry_delay.FromSeconds(error.retry_after_s)
    detail = any_pb2.Any()
    detail.Pack(info)
    status = status_pb2.Status(
        code=grpc.StatusCode.RESOURCE_EXHAUSTED.value[0], message=str(error), details=[detail]
    )
    return status.SerializeToString()
