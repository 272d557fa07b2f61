"""OTLP/HTTP keeps the contract of receivers, and what is its own: encodings and refusals."""

from __future__ import annotations

import gzip
import os

import httpx
import orjson
import pytest
import zstandard
from contracts.receiver import ReceiverContract, Taken, started
from flyball.component.protocols import Receiver
from flyball.errors import ConfigurationError
from flyball.receivers.otlp_http import OtlpHttp, _decompress, _is_one_frame
from harness.otlp import PROTOBUF, logs_request
from harness.server import free_ports

pytestmark = pytest.mark.anyio

_JSON = {"content-type": "application/json"}


@pytest.fixture
def listening() -> OtlpHttp:
    return OtlpHttp(listen=f"127.0.0.1:{free_ports(1)[0]}")


async def post(receiver: OtlpHttp, content: bytes, headers: dict[str, str]) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.post(f"http://{receiver.listen}/v1/logs", content=content, headers=headers)


class TestOtlpHttp(ReceiverContract):
    @pytest.fixture
    def receiver(self, listening: OtlpHttp) -> Receiver:
        return listening

    async def send(self, receiver: Receiver, texts: list[str]) -> bool:
        assert isinstance(receiver, OtlpHttp)
        return (await post(receiver, logs_request(texts).SerializeToString(), PROTOBUF)).is_success

    async def send_rubbish(self, receiver: Receiver, rubbish: bytes) -> None:
        assert isinstance(receiver, OtlpHttp)
        await post(receiver, rubbish, PROTOBUF)


@pytest.mark.parametrize("encoding", ["", "identity", "gzip", "zstd"])
async def test_each_encoding_is_read(listening: OtlpHttp, encoding: str) -> None:
    plain = logs_request(["hello"]).SerializeToString()
    packed = {"gzip": gzip.compress, "zstd": zstandard.ZstdCompressor().compress}.get(encoding, bytes)(plain)
    async with started(listening, Taken()) as taken:
        answer = await post(
            listening, packed, PROTOBUF | ({"content-encoding": encoding} if encoding else {})
        )
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/x-protobuf"
        assert taken.bodies == ["hello"]


async def test_several_gzip_members_are_one_body(listening: OtlpHttp) -> None:
    plain = logs_request(["hello"]).SerializeToString()
    packed = gzip.compress(plain[:10]) + gzip.compress(plain[10:])
    async with started(listening, Taken()) as taken:
        assert (await post(listening, packed, PROTOBUF | {"content-encoding": "gzip"})).status_code == 200
        assert taken.bodies == ["hello"]


async def test_several_zstd_frames_are_one_body(listening: OtlpHttp) -> None:
    plain = logs_request(["hello"]).SerializeToString()
    packed = b"".join(zstandard.ZstdCompressor().compress(part) for part in (plain[:10], b"", plain[10:]))
    async with started(listening, Taken()) as taken:
        assert (await post(listening, packed, PROTOBUF | {"content-encoding": "zstd"})).status_code == 200
        assert taken.bodies == ["hello"]


async def test_a_zstd_frame_that_is_cut_short_is_refused(listening: OtlpHttp) -> None:
    # whole records before the cut, incompressible and in several blocks: what unpacks of it is valid protobuf
    bodies = [os.urandom(400).hex() for _ in range(1_000)]
    plain = b"".join(logs_request([body]).SerializeToString() for body in bodies)
    packed = zstandard.ZstdCompressor().compress(plain)
    async with started(listening, Taken()) as taken:
        for cut in (1, 5, len(packed) // 2, len(packed) - 20):
            answer = await post(listening, packed[:-cut], PROTOBUF | {"content-encoding": "zstd"})
            assert answer.status_code == 400, cut
        assert taken.bodies == []


def test_only_a_whole_frame_that_says_so_is_kept_packed() -> None:
    text = b"a line that repeats " * 100
    stated = zstandard.ZstdCompressor().compress(text)
    unstated = zstandard.ZstdCompressor(write_content_size=False).compress(text)
    assert _decompress(stated, "zstd") == _decompress(unstated, "zstd") == text
    assert _is_one_frame(stated, "zstd", len(text))
    for body, encoding in (
        (unstated, "zstd"),
        (stated + stated, "zstd"),
        (text, ""),
        (gzip.compress(text), "gzip"),
    ):
        assert not _is_one_frame(body, encoding, len(_decompress(body, encoding)))


async def test_json_is_read_and_answered_as_json(listening: OtlpHttp) -> None:
    record = {"body": {"stringValue": "hello"}, "traceId": "5b8efff798038103d269b633813fc60c"}
    content = orjson.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]})
    async with started(listening, Taken()) as taken:
        answer = await post(listening, content, _JSON | {"content-type": "application/json; charset=utf-8"})
        assert (answer.status_code, answer.json()) == (200, {})
        assert taken.bodies == ["hello"]


async def test_an_empty_request_is_acknowledged(listening: OtlpHttp) -> None:
    async with started(listening, Taken()) as taken:
        assert (await post(listening, b"", PROTOBUF)).status_code == 200
        assert (await post(listening, b"{}", _JSON)).status_code == 200
        assert taken.exports == []


async def test_no_room_is_429_with_when_to_come_again(listening: OtlpHttp) -> None:
    taken = Taken()
    taken.full = True
    async with started(listening, taken):
        answer = await post(listening, logs_request(["hello"]).SerializeToString(), PROTOBUF)
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "1"
        assert taken.counted["received: logs"] == 0
        assert taken.counted["refused: Overloaded"] == 1


async def test_a_port_in_use_is_one_clear_error(listening: OtlpHttp) -> None:
    async with started(listening, Taken()):
        with pytest.raises(ConfigurationError, match=listening.listen.rpartition(":")[2]):
            async with started(listening, Taken()):
                pass
