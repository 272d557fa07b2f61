"""Broken and hostile input: one clear error or a counted drop each, and the server keeps serving."""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest
import zstandard
from harness.otlp import PROTOBUF, logs_request
from harness.server import FlyballProcess, running
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlyballProcess]:
    with running(tmp_path_factory.mktemp("hostile") / "data") as process:
        yield process


@pytest.fixture(autouse=True)
def still_serving(server: FlyballProcess) -> Iterator[None]:
    """After each of these the server takes a record and gives it back."""
    yield
    service = f"after-{time.monotonic_ns()}"
    server.post_logs(logs_request(["all is well"], service=service).SerializeToString()).raise_for_status()
    assert len(server.log_records(service, 1)) == 1


def counters(server: FlyballProcess) -> dict[str, dict[str, int]]:
    return httpx.get(f"{server.url}/healthz").json()["edges"]


def message(answer: httpx.Response) -> str:
    """The text of a google.rpc.Status."""
    from google.rpc import status_pb2  # noqa: PLC0415

    return status_pb2.Status.FromString(answer.content).message


@pytest.mark.parametrize("content", [b"\xff\xff\xff", b"\x0a\x05abc", b"hello", os.urandom(1000)])
def test_a_malformed_protobuf_is_refused(server: FlyballProcess, content: bytes) -> None:
    answer = server.post_logs(content)
    assert answer.status_code == 400
    assert "OTLP logs export" in message(answer)


def test_a_malformed_protobuf_over_grpc_is_refused(server: FlyballProcess) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{server.otlp_grpc_port}") as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.logs.v1.LogsService/Export")
        with pytest.raises(grpc.RpcError) as caught:
            export(b"\xff\xff\xff", timeout=10)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_json_that_is_no_otlp_is_refused(server: FlyballProcess) -> None:
    for content in (
        b"[]",
        b"{",
        b'{"resourceLogs": 3}',
        b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[7]}]}]}',
    ):
        answer = httpx.post(
            f"{server.otlp_url}/v1/logs", content=content, headers={"content-type": "application/json"}
        )
        assert answer.status_code == 400
        assert answer.json()["message"]


def test_deeply_nested_values_are_refused(server: FlyballProcess) -> None:
    value = '{"arrayValue":{"values":[' * 500 + "{}" + "]}}" * 500
    content = '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":' + value + "}]}]}]}"
    answer = httpx.post(
        f"{server.otlp_url}/v1/logs", content=content, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400


def test_other_content_types_and_methods_are_refused(server: FlyballProcess) -> None:
    assert server.post_logs(b"x", content_type="text/plain").status_code == 415
    assert httpx.get(f"{server.otlp_url}/v1/logs").status_code == 405
    assert httpx.post(f"{server.otlp_url}/v1/other", content=b"", headers=PROTOBUF).status_code == 404
    assert server.post_logs(b"x", content_encoding="br").status_code == 400


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("zstd", zstandard.ZstdCompressor().compress)]
)
def test_a_bomb_is_refused_without_being_unpacked(
    server: FlyballProcess, encoding: str, compress: type[gzip.GzipFile]
) -> None:
    bomb = compress(bytes(400_000_000))  # pyright: ignore[reportCallIssue, reportArgumentType]
    before = resident_mb(server)
    answer = server.post_logs(bomb, content_encoding=encoding)  # pyright: ignore[reportArgumentType]
    assert answer.status_code == 413
    assert "unpacks to at most" in message(answer)
    assert resident_mb(server) - before < 150


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_data_that_is_not_what_it_says_is_refused(server: FlyballProcess, encoding: str) -> None:
    assert server.post_logs(b"plain bytes", content_encoding=encoding).status_code == 400
    whole = gzip.compress(logs_request(["x"] * 100).SerializeToString())
    assert server.post_logs(whole[:-20], content_encoding="gzip").status_code == 400


def test_a_line_of_100_mb_is_refused_by_its_size(server: FlyballProcess) -> None:
    answer = server.post_logs(logs_request(["x" * 100_000_000]).SerializeToString())
    assert answer.status_code == 413
    compressed = gzip.compress(logs_request(["x" * 100_000_000]).SerializeToString(), compresslevel=1)
    assert server.post_logs(compressed, content_encoding="gzip").status_code == 413


def test_a_line_of_10_mb_comes_back(server: FlyballProcess) -> None:
    server.post_logs(logs_request(["y" * 10_000_000], service="long").SerializeToString()).raise_for_status()
    body = server.log_records("long", 1)[0]["body"]
    assert body == {"stringValue": "y" * 10_000_000}


def test_invalid_utf8_is_refused(server: FlyballProcess) -> None:
    content = logs_request(["good"]).SerializeToString().replace(b"good", b"\xff\xfe\xfd\xfc")
    answer = server.post_logs(content)
    assert answer.status_code == 400


def test_a_million_distinct_attribute_keys(server: FlyballProcess) -> None:
    service = "keys"
    for start in range(0, 1_000_000, 100_000):
        attributes = [{f"key{start + row * 100 + i}": "v" for i in range(100)} for row in range(1_000)]
        request = logs_request(["many keys"] * 1_000, service=service, attributes=attributes)
        server.post_logs(request.SerializeToString()).raise_for_status()
    assert len(server.log_records(service, 1000)) == 1000
    crowded = logs_request(["too many"], service="crowded", attributes=[{f"k{i}": i for i in range(1_000)}])
    server.post_logs(crowded.SerializeToString()).raise_for_status()
    kept = server.log_records("crowded", 1)[0]
    assert len(kept["attributes"]) == 128  # pyright: ignore[reportArgumentType]
    assert counters(server)["decode"]["dropped: attributes over the limit"] == 1_000 - 128


def test_one_batch_with_clocks_from_1970_to_2100(server: FlyballProcess) -> None:
    request = ExportLogsServiceRequest()
    moments = [1, 2**63, 2**64 - 1, *(year * 31_556_952 * 10**9 for year in range(131))]
    for moment in moments:
        one = logs_request([f"clock {moment}"], service="clocks", time_ns=moment)
        request.resource_logs.extend(one.resource_logs)
    server.post_logs(request.SerializeToString()).raise_for_status()
    found = server.log_records("clocks", len(moments))
    assert sorted(int(str(r["timeUnixNano"])) for r in found) == sorted(moments), (
        "the sender's nanoseconds stay"
    )
    patterns = httpx.get(f"{server.url}/api/v1/patterns", params={"service": "clocks", "since": "5m"}).json()
    assert patterns["records"] >= len(moments) - 2, "an absurd clock counts when it was received"


def test_hostile_questions_are_one_sentence_each(server: FlyballProcess) -> None:
    for path in (
        "/api/v1/logs?limit=0",
        "/api/v1/logs?limit=abc",
        "/api/v1/logs?since=yesterday",
        "/api/v1/logs?nope=1",
        "/api/v1/logs?trace_id=xyz",
        "/api/v1/logs?pattern=zzz",
        "/api/v1/whats-new?since=';DROP TABLE counts",
        "/api/v1/verify",
        "/api/v1/patterns?since=99999999d",
        "/api/v1/changes?since=0000-00-00",
        f"/api/v1/logs?contains={'x' * 5000}",
    ):
        answer = httpx.get(server.url + path)
        assert answer.status_code in {400, 404}, path
        assert list(answer.json()) == ["error"], path
    for content in (
        b"",
        b"[]",
        b"{",
        b'{"service": 3}',
        b'{"service": "a", "nope": "b"}',
        b'{"version": "v1"}',
    ):
        answer = httpx.post(
            f"{server.url}/api/v1/changes", content=content, headers={"content-type": "application/json"}
        )
        assert answer.status_code == 400, content
    form = httpx.post(f"{server.url}/api/v1/changes", content=b"{}", headers={"content-type": "text/plain"})
    assert form.status_code == 400


def resident_mb(server: FlyballProcess) -> float:
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024
