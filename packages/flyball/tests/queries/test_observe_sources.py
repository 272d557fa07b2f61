"""What the Collector and SDKs send in other forms than the gallery: watches, counters, histograms, addresses, bounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from flyball.model.change import AuthorKind, Change, ChangeKind
from flyball.model.signal import Signal, Surface
from flyball.queries.observe import Observed, logs, observe
from flyball.queries.observe.entities import of_peer, of_resource
from flyball.queries.observe.metrics import Counting, Sampled, metric_signals
from flyball.queries.observe.objects import object_signals
from flyball.queries.ports import Ports
from flyball.stores.telemetry_chdb import ChdbTelemetry
from gallery.otlp import Clock, exports
from gallery.play import play
from gallery.stream import FAILING_S, Object
from harness.ingest import ingest, now
from harness.otlp import logs_request, set_attributes, spans_request
from harness.story import Clock as StoryClock
from harness.story import State
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

pytestmark = pytest.mark.anyio
OBJECTS = "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/k8sobjectsreceiver"


def ns(at: datetime) -> int:
    return int(at.timestamp()) * 10**9


def fill(value: Any, held: Any) -> None:
    """An AnyValue of ordinary JSON."""
    if isinstance(held, Mapping):
        value.kvlist_value.SetInParent()
        for key, inside in held.items():
            fill(value.kvlist_value.values.add(key=key).value, inside)
    elif isinstance(held, list):
        value.array_value.SetInParent()
        for inside in held:
            fill(value.array_value.values.add(), inside)
    elif isinstance(held, int):
        value.int_value = held
    else:
        value.string_value = str(held)


def read(
    resource: str, at: datetime, *bodies: Mapping[str, Any], watched: str = "", environment: str = ""
) -> Any:
    """Records of the `k8sobjects` receiver."""
    request = ExportLogsServiceRequest()
    of = request.resource_logs.add()
    named = {"deployment.environment.name": environment} if environment else {}
    set_attributes(of.resource.attributes, {"k8s.namespace.name": "prod", **named})
    scope = of.scope_logs.add()
    scope.scope.name = OBJECTS
    for body in bodies:
        record = scope.log_records.add(observed_time_unix_nano=ns(at))
        fill(record.body, body)
        more = {"event.domain": "k8s", "event.name": watched} if watched else {}
        set_attributes(record.attributes, {"k8s.resource.name": resource, **more})
    return "/v1/logs", request


def pod(name: str, phase: str = "Running", **more: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "prod"},
        "spec": {"nodeName": "n1"},
        "status": {"phase": phase},
        **more,
    }


async def seen(
    telemetry: ChdbTelemetry,
    *requests: tuple[str, Any],
    changes: tuple[Change, ...] = (),
    environment: str = "",
) -> Observed:
    catalog = await ingest(telemetry, requests)
    end = now()
    state = State(changes_=list(changes), versions_=[])
    ports = Ports(
        telemetry=telemetry,
        changes=cast("Any", state),
        evidence=cast("Any", state),
        incidents=cast("Any", state),
        memory=cast("Any", state),
        catalog=catalog,
        clock=StoryClock(end),
    )
    onset, until = end - timedelta(seconds=120), end + timedelta(seconds=30)
    return await observe(ports, environment=environment, onset=onset, until=until)


def phases(held: tuple[Signal, ...]) -> dict[str, str | float]:
    return {one.entity: one.value for one in held if one.key == "status.phase"}


async def test_of_what_is_pulled_the_last_reading_counts(telemetry: ChdbTelemetry) -> None:
    end = now()
    found = await seen(
        telemetry,
        read("pods", end - timedelta(minutes=50), pod("a", "Pending"), pod("gone")),
        read("pods", end - timedelta(minutes=20), pod("a"), pod("b")),
        read("nodes", end - timedelta(minutes=40), {"metadata": {"name": "n1"}, "status": {}}),
        read("pods", end - timedelta(seconds=30), pod("b", "Failed"), pod("c")),
    )
    assert phases(found.normal) == {"pod/a": "Running", "pod/b": "Running"}
    assert phases(found.signals) == {"pod/b": "Failed", "pod/c": "Running"}
    assert "node/n1" in {one.entity for one in found.signals}


async def test_of_what_is_watched_the_last_word_counts(telemetry: ChdbTelemetry) -> None:
    end = now()

    def word(what: str, it: Mapping[str, Any], ago_s: float) -> tuple[str, Any]:
        at = end - timedelta(seconds=ago_s)
        return read("pods", at, {"type": what, "object": it}, watched=it["metadata"]["name"])

    found = await seen(
        telemetry,
        word("ADDED", pod("a", "Pending"), 2400),
        word("MODIFIED", pod("a"), 1800),
        word("ADDED", pod("b"), 1500),
        word("MODIFIED", pod("b", "Failed"), 62),
        word("DELETED", pod("b", "Failed"), 60),
        word("ADDED", pod("c", "Pending"), 50),
    )
    assert phases(found.normal) == {"pod/a": "Running", "pod/b": "Running"}
    assert phases(found.signals) == {"pod/a": "Running", "pod/c": "Pending"}


async def test_events_that_are_watched_as_objects_are_events(telemetry: ChdbTelemetry) -> None:
    end = now()

    def event(count: int, ago_s: float, **more: Any) -> tuple[str, Any]:
        told = {
            "metadata": {"name": "e1", "namespace": "prod"},
            "type": "Warning",
            "reason": "BackOff",
            **more,
        }
        at = end - timedelta(seconds=ago_s)
        of = {"involvedObject": {"kind": "Pod", "name": "a"}, "message": "Back-off", "count": count}
        return read("events", at, {"type": "MODIFIED", "object": {**of, **told}}, watched="e1")

    newer = {
        "metadata": {"name": "e2", "namespace": "prod"},
        "regarding": {"kind": "Deployment", "name": "web"},
        "type": "Normal",
        "reason": "ScalingReplicaSet",
        "note": "Scaled up",
        "deprecatedCount": 3,
    }
    found = await seen(
        telemetry,
        event(2, 300),
        event(5, 60),
        event(9, 50),
        read("events", end - timedelta(seconds=40), {"type": "ADDED", "object": newer}, watched="e2"),
    )
    told = [(one.entity, one.operation, one.key, one.value, one.count) for one in found.signals]
    assert told == [
        ("pod/a", "Warning", "BackOff", "Back-off", 9),
        ("service/web", "Normal", "ScalingReplicaSet", "Scaled up", 3),
    ]
    assert [one.count for one in found.normal] == [2]


async def test_the_cluster_is_read_without_an_environment_and_not_of_another(
    telemetry: ChdbTelemetry,
) -> None:
    at = now() - timedelta(seconds=30)
    found = await seen(
        telemetry,
        read("pods", at, pod("a")),
        read("pods", at, pod("b"), environment="prod"),
        read("pods", at, pod("c"), environment="dev"),
        ("/v1/logs", logs_request(["hello"], service="web")),
        environment="prod",
    )
    assert set(phases(found.signals)) == {"pod/a", "pod/b"}
    assert [one for one in found.signals if one.surface is Surface.LOG] == []


async def test_what_a_bound_leaves_out_is_said(
    telemetry: ChdbTelemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "GROUPS_MAX", 1)
    bodies = [
        ("/v1/logs", logs_request([body], severity=level)) for body, level in (("fine", 9), ("broken", 17))
    ]
    found = await seen(telemetry, *bodies)
    assert [one.value for one in found.signals] == ["broken"]
    assert found.limits == ("There are more than 1 groups of log records; the rest was not read.",)


async def test_a_client_that_nobody_answers_tells_whom_it_asked(telemetry: ChdbTelemetry) -> None:
    asks = spans_request(["GET", "SELECT"], service="web")
    get, select = asks.resource_spans[0].scope_spans[0].spans
    get.kind = select.kind = 3  # pyright: ignore[reportAttributeAccessIssue]
    set_attributes(get.attributes, {"server.address": "cart.prod.svc.cluster.local"})
    set_attributes(
        select.attributes, {"server.address": "10.0.0.9", "db.system.name": "mysql", "db.namespace": "orders"}
    )
    found = await seen(telemetry, ("/v1/traces", asks))
    edges = {(one.entity, one.key) for one in found.signals if one.surface is Surface.EDGE}
    assert edges == {("service/web", "service/cart"), ("service/web", "database/orders")}


async def test_changes_come_with_who_made_them_and_first_sights_are_none(telemetry: ChdbTelemetry) -> None:
    def change(number: int, kind: ChangeKind, **more: Any) -> Change:
        usual: dict[str, Any] = {
            "version": "",
            "previous_version": "",
            "announced": True,
            "environment": "",
            "seen": None,
        }
        at = now() - timedelta(minutes=number)
        return Change(
            id=f"chg_{number}", workspace="default", service="web", kind=kind, time=at, **(usual | more)
        )

    who = {"author": "Ada", "author_kind": AuthorKind.AGENT, "message": "Shrink it\n\nmore", "commit": "9f2c"}
    found = await seen(
        telemetry,
        changes=(
            change(1, ChangeKind.FLAG, what="cart off -> on"),
            change(2, ChangeKind.DEPLOY, version="v2", previous_version="v1", announced=False, **who),
            change(3, ChangeKind.DEPLOY, version="v0", announced=False),
            change(200, ChangeKind.CONFIG, what="old"),
        ),
    )
    assert [(one.key, one.value, one.detail) for one in found.signals] == [
        ("flag", "cart off -> on", ""),
        ("deploy", "v2", "9f2c by Ada, agent: Shrink it"),
    ]


ONSET = datetime.fromisoformat("2026-11-21T12:00:00Z")


def sampled(name: str, values: list[float], **more: Any) -> Sampled:
    times = tuple(ONSET + timedelta(seconds=15 * n) for n in range(len(values)))
    return Sampled(entity="service/a", name=name, times=times, values=tuple(values), **more)


def shown(*series: Sampled) -> dict[str, list[float | str]]:
    found: dict[str, list[float | str]] = {}
    for one in sorted(metric_signals(series, ONSET), key=lambda signal: signal.time):
        found.setdefault(one.key, []).append(one.value)
    return found


def test_totals_become_what_they_grew_by_also_over_a_restart() -> None:
    name = "container_cpu_cfs_throttled_seconds_total"
    assert shown(sampled(name, [5.0, 7.0, 7.5, 1.0], counting=Counting.TOTAL)) == {
        "cpu.throttled_s": [2.0, 0.5, 1.0]
    }
    assert shown(sampled("errors", [3.0, 4.0], counting=Counting.INCREASE)) == {"errors": [3.0, 4.0]}


def test_sums_of_several_attributes_add_up_and_of_gauges_the_highest_counts() -> None:
    sums = [sampled("lag", [1.0, 2.0], adds=True, attributes={"partition": p}) for p in ("0", "1")]
    gauges = [sampled("disk", [level], attributes={"mount": str(level)}) for level in (0.2, 0.9, 0.5)]
    idle = sampled("cpu", [0.95], attributes={"state": "idle"})
    busy = sampled("cpu", [0.05], attributes={"state": "user"})
    assert shown(*sums, *gauges, idle, busy) == {"lag": [2.0, 4.0], "disk": [0.9], "cpu": [0.05]}


def test_cumulative_durations_are_requests_latency_and_availability() -> None:
    def of(status: str, sums: list[float], counts: tuple[float, ...]) -> Sampled:
        attributes = {"http.response.status_code": status}
        return sampled(
            "http.server.request.duration",
            sums,
            counts=counts,
            counting=Counting.TOTAL,
            attributes=attributes,
        )

    found = shown(of("200", [1.0, 1.3, 1.3], (10.0, 13.0, 13.0)), of("503", [0.0, 0.5, 0.5], (0.0, 1.0, 1.0)))
    assert found == {"requests.count": [4.0], "latency_ms": [200.0], "availability_percent": [75.0]}


def test_other_histograms_are_their_mean() -> None:
    waits = sampled("pool.wait", [4.0, 0.0], counts=(2.0, 0.0), counting=Counting.INCREASE, adds=True)
    assert shown(waits) == {"pool.wait": [2.0]}


@pytest.mark.parametrize(
    ("attributes", "entity"),
    [
        ({"service.name": "web", "k8s.pod.name": "web-1"}, "service/web"),
        ({"k8s.pod.name": "web-1", "k8s.node.name": "n1"}, "pod/web-1"),
        ({"k8s.node.name": "n1"}, "node/n1"),
        ({"service.name": "pg", "db.system.name": "postgresql", "db.namespace": "orders"}, "database/orders"),
        ({"postgresql.database.name": "orders"}, "database/orders"),
        ({"service.name": "web", "db.namespace": "orders"}, "service/web"),
        ({}, "service/unknown"),
    ],
)
def test_a_resource_names_what_it_is_of(attributes: dict[str, str], entity: str) -> None:
    assert of_resource(attributes, "unknown") == entity


@pytest.mark.parametrize(
    ("attributes", "entity"),
    [
        ({"server.address": "cart"}, "service/cart"),
        ({"server.address": "cart.prod.svc"}, "service/cart"),
        ({"server.address": "api.example.com"}, "service/api.example.com"),
        ({"peer.service": "cart", "server.address": "10.0.0.1"}, "service/cart"),
        ({"db.system.name": "redis", "server.address": "cache"}, "database/cache"),
        ({"db.name": "orders"}, "database/orders"),
        ({}, ""),
    ],
)
def test_a_client_names_whom_it_asks(attributes: dict[str, str], entity: str) -> None:
    assert of_peer(attributes) == entity


async def test_two_looks_at_the_same_batch_are_equal(telemetry: ChdbTelemetry) -> None:
    end = now()
    onset = end - timedelta(seconds=FAILING_S)
    sent = exports(play("bad image tag", 5)[0], Clock(onset_ns=ns(onset)))
    catalog = await ingest(telemetry, ((path, request) for path, request, _ in sent))
    state = cast("Any", State(changes_=[], versions_=[]))
    ports = Ports(
        telemetry=telemetry,
        changes=state,
        evidence=state,
        incidents=state,
        memory=state,
        catalog=catalog,
        clock=StoryClock(end),
    )
    one, two = [await observe(ports, environment="", onset=onset, until=end) for _ in range(2)]
    assert one == two


def objects() -> Iterator[Object]:
    for name in ("init-phase crash", "quota exceeded", "node down"):
        yield from (record for record in play(name, 7)[0].records if isinstance(record, Object))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside, max_size=3),
    max_leaves=6,
)


@given(st.data())
def test_an_object_of_another_form_is_read_as_far_as_it_goes(data: st.DataObject) -> None:
    record = data.draw(st.sampled_from(list(OBJECTS_READ)))

    def bent(value: Any) -> Any:
        if data.draw(st.integers(0, 9)) == 0:
            return data.draw(JSON)
        if isinstance(value, dict):
            return {key: bent(inside) for key, inside in value.items()}
        return [bent(inside) for inside in value] if isinstance(value, list) else value

    manifest = bent(record.manifest)
    if isinstance(manifest, dict):
        for signal in object_signals(record.resource, manifest, ONSET):
            assert isinstance(signal.value, str | float)


OBJECTS_READ = tuple({record.resource: record for record in objects()}.values())
