"""OTLP/gRPC keeps the contract of receivers, and what is its own: status codes and RetryInfo."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest
from contracts.receiver import ReceiverContract, Taken, started
from flyball.component.protocols import Receiver
from flyball.errors import ConfigurationError
from flyball.receivers.otlp_grpc import OtlpGrpc
from google.rpc import error_details_pb2, status_pb2
from harness.otlp import logs_request
from harness.server import free_ports

pytestmark = pytest.mark.anyio

_EXPORT = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module", autouse=True)
async def one_loop() -> AsyncIterator[None]:
    """All tests of this module share one event loop: grpc.aio's poller does not survive the one it began in."""
    yield  # noqa: PT022 - a generator holds the loop open until the last test


@pytest.fixture
def listening() -> OtlpGrpc:
    return OtlpGrpc(listen=f"127.0.0.1:{free_ports(1)[0]}")


async def export(receiver: OtlpGrpc, content: bytes) -> None:
    async with grpc.aio.insecure_channel(receiver.listen) as channel:
        await channel.unary_unary(_EXPORT)(content, timeout=10)


class TestOtlpGrpc(ReceiverContract):
    @pytest.fixture
    def receiver(self, listening: OtlpGrpc) -> Receiver:
        return listening

    async def send(self, receiver: Receiver, texts: list[str]) -> bool:
        assert isinstance(receiver, OtlpGrpc)
        await export(receiver, logs_request(texts).SerializeToString())
        return True

    async def send_rubbish(self, receiver: Receiver, rubbish: bytes) -> None:
        assert isinstance(receiver, OtlpGrpc)
        try:
            await export(receiver, rubbish)
        except grpc.aio.AioRpcError as error:
            assert error.code() is grpc.StatusCode.INVALID_ARGUMENT  # noqa: PT017 - an empty message is none


async def test_no_room_is_resource_exhausted_with_retry_info(listening: OtlpGrpc) -> None:
    taken = Taken()
    taken.full = True
    async with started(listening, taken):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await export(listening, logs_request(["hello"]).SerializeToString())
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    details = dict(caught.value.trailing_metadata() or ())["grpc-status-details-bin"]
    assert isinstance(details, bytes)
    info = error_details_pb2.RetryInfo()
    assert status_pb2.Status.FromString(details).details[0].Unpack(info)
    assert info.retry_delay.seconds == 1


async def test_a_port_in_use_is_one_clear_error(listening: OtlpGrpc) -> None:
    async with started(listening, Taken()):
        with pytest.raises(ConfigurationError, match=listening.listen.rpartition(":")[2]):
            async with started(listening, Taken()):
                pass
