"""Broken and hostile input: one clear error or a counted drop each, and the server keeps serving."""

from __future__ import annotations

import gzip
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest
import zstandard
from flyball.stores.state_sqlite import SqliteState
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
    post(server, logs_request(["all is well"], service=service).SerializeToString()).raise_for_status()
    assert len(records(server, service, 1)) == 1


def post(server: FlyballProcess, content: bytes, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(f"{server.otlp_url}/v1/logs", content=content, headers=PROTOBUF | named, timeout=60)


def records(server: FlyballProcess, service: str, number: int) -> list[dict[str, object]]:
    """The service's records, as soon as there are `number`."""
    deadline = time.monotonic() + 20
    found: list[dict[str, object]] = []
    while time.monotonic() < deadline:
        found = httpx.get(f"{server.url}/api/v1/logs", params={"service": service, "limit": 1000}).json()[
            "records"
        ]
        if len(found) >= number:
            break
        time.sleep(0.1)
    return found


def counters(server: FlyballProcess) -> dict[str, dict[str, int]]:
    return httpx.get(f"{server.url}/healthz").json()["edges"]


def message(answer: httpx.Response) -> str:
    """The text of a google.rpc.Status."""
    from google.rpc import status_pb2  # noqa: PLC0415

    return status_pb2.Status.FromString(answer.content).message


@pytest.mark.parametrize("content", [b"\xff\xff\xff", b"\x0a\x05abc", b"hello", os.urandom(1000)])
def test_a_malformed_protobuf_is_refused(server: FlyballProcess, content: bytes) -> None:
    answer = post(server, content)
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
    assert post(server, b"x", content_type="text/plain").status_code == 415
    assert httpx.get(f"{server.otlp_url}/v1/logs").status_code == 405
    assert httpx.post(f"{server.otlp_url}/v1/other", content=b"", headers=PROTOBUF).status_code == 404
    assert post(server, b"x", content_encoding="br").status_code == 400


@pytest.mark.parametrize(
    ("encoding", "compress"), [("gzip", gzip.compress), ("zstd", zstandard.ZstdCompressor().compress)]
)
def test_a_bomb_is_refused_without_being_unpacked(
    server: FlyballProcess, encoding: str, compress: type[gzip.GzipFile]
) -> None:
    bomb = compress(bytes(400_000_000))  # pyright: ignore[reportCallIssue, reportArgumentType]
    before = resident_mb(server)
    answer = post(server, bomb, content_encoding=encoding)  # pyright: ignore[reportArgumentType]
    assert answer.status_code == 413
    assert "unpacks to at most" in message(answer)
    assert resident_mb(server) - before < 150


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_data_that_is_not_what_it_says_is_refused(server: FlyballProcess, encoding: str) -> None:
    assert post(server, b"plain bytes", content_encoding=encoding).status_code == 400
    whole = gzip.compress(logs_request(["x"] * 100).SerializeToString())
    assert post(server, whole[:-20], content_encoding="gzip").status_code == 400


def test_a_line_of_100_mb_is_refused_by_its_size(server: FlyballProcess) -> None:
    answer = post(server, logs_request(["x" * 100_000_000]).SerializeToString())
    assert answer.status_code == 413
    compressed = gzip.compress(logs_request(["x" * 100_000_000]).SerializeToString(), compresslevel=1)
    assert post(server, compressed, content_encoding="gzip").status_code == 413


def test_a_line_of_10_mb_comes_back(server: FlyballProcess) -> None:
    post(server, logs_request(["y" * 10_000_000], service="long").SerializeToString()).raise_for_status()
    body = records(server, "long", 1)[0]["body"]
    assert body == {"stringValue": "y" * 10_000_000}


def test_invalid_utf8_is_refused(server: FlyballProcess) -> None:
    content = logs_request(["good"]).SerializeToString().replace(b"good", b"\xff\xfe\xfd\xfc")
    answer = post(server, content)
    assert answer.status_code == 400


def test_a_million_distinct_attribute_keys(server: FlyballProcess) -> None:
    service = "keys"
    for start in range(0, 1_000_000, 100_000):
        attributes = [{f"key{start + row * 100 + i}": "v" for i in range(100)} for row in range(1_000)]
        request = logs_request(["many keys"] * 1_000, service=service, attributes=attributes)
        post(server, request.SerializeToString()).raise_for_status()
    assert len(records(server, service, 1000)) == 1000
    crowded = logs_request(["too many"], service="crowded", attributes=[{f"k{i}": i for i in range(1_000)}])
    post(server, crowded.SerializeToString()).raise_for_status()
    kept = records(server, "crowded", 1)[0]
    assert len(kept["attributes"]) == 128  # pyright: ignore[reportArgumentType]
    assert counters(server)["decode"]["dropped: attributes over the limit"] == 1_000 - 128


def test_one_batch_with_clocks_from_1970_to_2100(server: FlyballProcess) -> None:
    request = ExportLogsServiceRequest()
    moments = [1, 2**63, 2**64 - 1, *(year * 31_556_952 * 10**9 for year in range(131))]
    for moment in moments:
        one = logs_request([f"clock {moment}"], service="clocks", time_ns=moment)
        request.resource_logs.extend(one.resource_logs)
    post(server, request.SerializeToString()).raise_for_status()
    found = records(server, "clocks", len(moments))
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


# -- starting ------------------------------------------------------------------------------------------------


def up(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flyball", "up", *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def one_line(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 2, result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("flyball: ")
    return lines[0]


def test_a_second_process_on_the_folder_gets_one_line(server: FlyballProcess) -> None:
    assert f"in use by process {server.pid}" in one_line(up("--data", str(server.folder), "--port", "59999"))


@pytest.mark.parametrize("option", ["--port", "--otlp-http-port", "--otlp-grpc-port"])
def test_a_port_in_use_gets_one_line(server: FlyballProcess, tmp_path: Path, option: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        others = {"--port": "59997", "--otlp-http-port": "59998", "--otlp-grpc-port": "59996"} | {
            option: port
        }
        line = one_line(up("--data", str(tmp_path), *(text for pair in others.items() for text in pair)))
    assert port in line


def test_beyond_loopback_a_token_is_needed(server: FlyballProcess, tmp_path: Path) -> None:
    assert "token" in one_line(up("--data", str(tmp_path), "--host", "0.0.0.0"))  # noqa: S104 - it must refuse


def test_a_folder_that_cannot_be_written_gets_one_line(server: FlyballProcess, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert "cannot be used" in one_line(up("--data", str(tmp_path / "file" / "data")))


def test_a_state_file_that_is_no_database_gets_one_line(server: FlyballProcess, tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"garbage" * 1000)
    assert "state.db cannot be used" in one_line(up("--data", str(tmp_path), "--port", "59995"))
    assert SqliteState  # the file is its


def test_damage_in_the_log_is_skipped_and_counted(server: FlyballProcess, tmp_path: Path) -> None:
    damaged = FlyballProcess(tmp_path / "data")
    damaged.start()
    httpx.post(
        f"{damaged.otlp_url}/v1/logs",
        content=logs_request(["kept"], service="kept").SerializeToString(),
        headers=PROTOBUF,
    ).raise_for_status()
    damaged.settled()
    damaged.kill()
    segments = sorted((damaged.folder / "wal").glob("*.log"))
    with segments[-1].open("ab") as segment:
        segment.write(os.urandom(5000))
    damaged.start()
    try:
        assert len(records(damaged, "kept", 1)) == 1
        assert httpx.get(f"{damaged.url}/healthz").json()["edges"]["wal"]["dropped: damaged bytes"] == 5000
    finally:
        damaged.stop()


def test_a_damaged_data_file_is_one_clear_error_and_the_rest_is_served(
    server: FlyballProcess, tmp_path: Path
) -> None:
    damaged = FlyballProcess(tmp_path / "data")
    damaged.start()
    for service in ("first", "second"):
        content = logs_request(["x"] * 50, service=service).SerializeToString()
        httpx.post(f"{damaged.otlp_url}/v1/logs", content=content, headers=PROTOBUF).raise_for_status()
        damaged.settled()
        time.sleep(1.2)
    damaged.stop()
    for file in (damaged.folder / "telemetry").rglob("logs*/**/*.bin"):
        file.write_bytes(os.urandom(file.stat().st_size))
    for file in (damaged.folder / "telemetry").rglob("*/data.bin"):
        file.write_bytes(os.urandom(file.stat().st_size))
    damaged.start()
    try:
        answer = httpx.get(f"{damaged.url}/api/v1/logs", params={"service": "first"})
        assert answer.status_code in {200, 503}
        if answer.status_code == 503:
            assert "the telemetry store failed" in answer.json()["error"]
        content = logs_request(["x"], service="third").SerializeToString()
        httpx.post(f"{damaged.otlp_url}/v1/logs", content=content, headers=PROTOBUF).raise_for_status()
        assert damaged.stop() == 0
    finally:
        damaged.kill()
