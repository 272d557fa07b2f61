"""Receive OTLP over HTTP: protobuf and JSON, gzip and zstd; acknowledged when durable.

Plain ASGI: this path carries the load. Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

import orjson
import zstandard
from google.rpc import code_pb2, status_pb2

from flyball.component.context import ReceiverContext
from flyball.component.http_guard import App, Receive, Scope, Send
from flyball.component.http_server import listen, serve
from flyball.errors import FlyballError, InputError, Overloaded, TooLarge
from flyball.model.export import Export, Signal
from flyball.receivers import otlp_json
from flyball.receivers.otlp_decode import check
from flyball.receivers.otlp_wire import REQUESTS_PARSED

BODY_BYTES_MAX = 16 * 1024 * 1024
"""A request as sent."""
PAYLOAD_BYTES_MAX = 64 * 1024 * 1024
"""A request after decompression; what claims to be more is refused without being unpacked further."""
_IN_LOOP_BYTES_MAX = {"application/x-protobuf": 1024 * 1024, "application/json": 64 * 1024}
"""Larger payloads are parsed in a thread, so that acknowledgements of others do not wait: a megabyte of protobuf is
checked in 0.3 ms, and a thread costs 0.1 ms."""
_PROTOBUF = "application/x-protobuf"
_JSON = "application/json"
_PATHS = {f"/v1/{signal}": signal for signal in Signal}


@dataclass(frozen=True, kw_only=True)
class OtlpHttp:
    """OTLP/HTTP: protobuf and JSON; gzip, zstd or plain. `flyball up` starts it; the main port takes the same."""

    listen: str = "127.0.0.1:4318"
    """Address and port to bind."""

    async def run(self, ctx: ReceiverContext) -> None:
        """Serve until cancelled.

        Raises:
            ConfigurationError: the port is in use.
        """
        host, _, port = self.listen.rpartition(":")
        opened = listen(host.strip("[]"), int(port))
        await serve(otlp_app(ctx), opened, allowed_hosts=ctx.allowed_hosts, token=ctx.token, ready=ctx.ready)


def otlp_app(ctx: ReceiverContext) -> App:
    """The ASGI application for `POST /v1/{logs,traces,metrics}`; mounted on the main port too."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        media_type = headers.get(b"content-type", "").partition(";")[0].strip().lower()
        signal = _PATHS.get(scope["path"])
        if signal is None or scope["method"] != "POST":
            await _respond(send, 404 if signal is None else 405, media_type, code_pb2.UNIMPLEMENTED, _USAGE)
            return
        if media_type not in {_PROTOBUF, _JSON}:
            text = f"Content-Type is {_PROTOBUF} or {_JSON}"
            await _respond(send, 415, media_type, code_pb2.INVALID_ARGUMENT, text)
            return
        try:
            body = await _body(receive)
            encoding = headers.get(b"content-encoding", "").strip().lower()
            payload = _decompress(body, encoding)
            packed = body if media_type == _PROTOBUF and _is_one_frame(body, encoding, len(payload)) else b""
            if len(payload) > _IN_LOOP_BYTES_MAX[media_type]:
                payload, records = await asyncio.to_thread(_parse, signal, payload, media_type)
            else:
                payload, records = _parse(signal, payload, media_type)
            if records:
                now = ctx.clock.now_ns()
                await ctx.emit(Export(signal=signal, payload=payload, received_ns=now, packed=packed))
            ctx.count(f"received: {signal}", records)
        except FlyballError as error:
            await _refuse(send, media_type, error, ctx)
        else:
            await _send(send, 200, media_type, b"{}" if media_type == _JSON else b"")

    return app


_USAGE = "OTLP/HTTP is POST /v1/logs, /v1/traces or /v1/metrics"


async def _body(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise InputError("the sender went away in the middle of its request")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > BODY_BYTES_MAX:
            raise TooLarge(f"a request has at most {BODY_BYTES_MAX} bytes: send smaller batches")
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _decompress(body: bytes, encoding: str) -> bytes:
    try:
        match encoding:
            case "" | "identity":
                return body
            case "gzip":
                payload, whole = _gunzip(body)
            case "zstd":
                payload, whole = _unzstd(body)
            case _:
                raise InputError(f"Content-Encoding {encoding!r} is unknown here: gzip, zstd or none")
    except (zlib.error, zstandard.ZstdError) as error:
        raise InputError(f"the request is not {encoding}: {error}") from error
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise TooLarge(f"a request unpacks to at most {PAYLOAD_BYTES_MAX} bytes: send smaller batches")
    if not whole:
        raise InputError(f"the {encoding} data is cut short")
    return payload


def _unzstd(body: bytes) -> tuple[bytes, bool]:
    """What the zstd frames hold, up to one byte over the bound, and whether the first one is as long as it says.

    Reading takes a buffer of the size that is asked for: the size in the frame's header, when it is there, halves
    the time. A header that lies costs a second read, nothing else.
    """
    stated = zstandard.frame_content_size(body)
    unpacker = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    with unpacker.stream_reader(body, read_across_frames=True) as reader:
        size = PAYLOAD_BYTES_MAX + 1
        payload = reader.read(min(stated + 1, size) if stated >= 0 else size)
        if stated >= 0 and stated < len(payload) < size:
            payload += reader.read(size - len(payload))
    return payload, len(payload) >= min(stated, size)


def _is_one_frame(body: bytes, encoding: str, size_bytes: int) -> bool:
    """Whether the body is a zstd frame that says in its header that it holds the whole payload."""
    return encoding == "zstd" and zstandard.frame_content_size(body) == size_bytes


def _gunzip(body: bytes) -> tuple[bytes, bool]:
    """What the gzip members hold, up to one byte over the bound, and whether the last one is whole."""
    parts: list[bytes] = []
    left = PAYLOAD_BYTES_MAX + 1
    while True:
        unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        parts.append(unpacker.decompress(body, left))
        left -= len(parts[-1])
        body = unpacker.unused_data
        if not body or left <= 0:
            return b"".join(parts), unpacker.eof


def _parse(signal: Signal, payload: bytes, media_type: str) -> tuple[bytes, int]:
    """The request as protobuf, known to parse, and its number of records."""
    if media_type == _JSON:
        message = REQUESTS_PARSED[signal]()
        otlp_json.parse(payload, message)
        payload = message.SerializeToString()
    return payload, check(signal, payload)


async def _refuse(send: Send, media_type: str, error: FlyballError, ctx: ReceiverContext) -> None:
    ctx.count(f"refused: {type(error).__name__}", 1)
    headers: list[tuple[bytes, bytes]] = []
    if isinstance(error, Overloaded):
        status, code = 429, code_pb2.RESOURCE_EXHAUSTED
        headers = [(b"retry-after", str(error.retry_after_s).encode())]
    elif isinstance(error, InputError):
        status, code = (413 if isinstance(error, TooLarge) else 400), code_pb2.INVALID_ARGUMENT
    else:
        status, code = 503, code_pb2.UNAVAILABLE
    await _respond(send, status, media_type, code, str(error), headers)


async def _respond(
    send: Send,
    status: int,
    media_type: str,
    code: int,
    text: str,
    headers: list[tuple[bytes, bytes]] | None = None,
) -> None:
    """An error as `google.rpc.Status` in the encoding of the request, as OTLP asks."""
    if media_type == _PROTOBUF:
        body = status_pb2.Status(code=code, message=text).SerializeToString()
    else:
        body = orjson.dumps({"code": code, "message": text})
    await _send(send, status, media_type, body, headers)


async def _send(
    send: Send, status: int, media_type: str, body: bytes, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    content_type = _PROTOBUF if media_type == _PROTOBUF else _JSON
    start: MutableMapping[str, Any] = {
        "type": "http.response.start",
        "status": status,
        "headers": [
            (b"content-type", content_type.encode()),
            (b"content-length", str(len(body)).encode()),
            *(headers or []),
        ],
    }
    await send(start)
    await send({"type": "http.response.body", "body": body})
