"""Logs, spans, edges, metrics, databases, changes and cohorts of made-up systems."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from flyball.explain.check import check
from flyball.explain.engine import diagnose
from flyball.model.cause import Cause
from flyball.model.diagnosis import Diagnosis, Standing
from flyball.model.signal import Signal, Surface
from harness.signals import START, calls, edge, event, log, metric, names, owned, state, workload

TEXTS = {
    "FATAL: sorry, too many clients already": Cause.DB_CONNECTIONS,
    "QueuePool limit of size 5 overflow 10 reached, connection timed out": Cause.POOL_EXHAUSTED,
    "HikariPool-1 - Connection is not available, request timed out after 30000ms": Cause.POOL_EXHAUSTED,
    "ERROR: deadlock detected": Cause.DB_LOCK,
    "ERROR 1205: Lock wait timeout exceeded; try restarting transaction": Cause.DB_LOCK,
    "ERROR: cannot execute INSERT in a read-only transaction": Cause.DB_READ_ONLY,
    "The MySQL server is running with the --read-only option": Cause.DB_READ_ONLY,
    'new row violates row-level security policy for table "orders"': Cause.ROW_SECURITY,
    'FATAL: password authentication failed for user "app"': Cause.CREDENTIALS,
    "Access denied for user 'app'@'10.0.0.3' (using password: YES)": Cause.CREDENTIALS,
    "x509: certificate has expired or is not yet valid": Cause.CERTIFICATE_EXPIRED,
    "write /data/log: No space left on device": Cause.DISK_FULL,
    "HTTP 429 Too Many Requests": Cause.RATE_LIMITED,
    "getaddrinfo ENOTFOUND db.example.internal": Cause.DNS_FAILURE,
    "java.net.UnknownHostException: db": Cause.DNS_FAILURE,
    "Required environment variable API_URL is not set": Cause.ENV_MISSING,
    "listen tcp :8080: bind: address already in use": Cause.PORT_IN_USE,
    "/bin/sh: syntax error: unexpected end of file": Cause.COMMAND_FAILED,
    "Can't open the append-only file: open /data/x.aof: Permission denied": Cause.MOUNT_PERMISSION,
    "java.lang.OutOfMemoryError: Java heap space": Cause.MEMORY_LEAK,
    "Memory cgroup out of memory: Killed process 17 (app)": Cause.OOM_KILLED,
    "Database call completed in 8.01 seconds.": Cause.DB_SLOW_QUERY,
    "could not connect to server: Connection refused. Is postgres running on host db?": Cause.DB_UNREACHABLE,
    "ERROR consumer group lag is 91220": Cause.CONSUMER_LAG,
    "Traceback (most recent call last):": Cause.EXCEPTION,
    "panic: required key ORDERS_REGION missing value": Cause.ENV_MISSING,
    "Could not resolve placeholder 'ORDERS_URL' in value \"${ORDERS_URL}\"": Cause.ENV_MISSING,
    "KeyError: 'API_URL'": Cause.ENV_MISSING,
    "sqlalchemy.exc.TimeoutError: QueuePool limit of size 5 overflow 0 reached, connection timed out, timeout 30.00"
    " (Background on this error at: https://sqlalche.me/e/20/3o7r)": Cause.POOL_EXHAUSTED,
    "Knex: Timeout acquiring a connection. The pool is probably full.": Cause.POOL_EXHAUSTED,
    "AxiosError: Request failed with status code 429": Cause.RATE_LIMITED,
    "# Query_time: 3.512412  Lock_time: 0.000004 Rows_sent: 3  Rows_examined: 1822331": Cause.DB_SLOW_QUERY,
    "LOG:  duration: 913.221 ms  statement: SELECT * FROM orders": Cause.DB_SLOW_QUERY,
    "Error 3024: Query execution was interrupted, maximum statement execution time exceeded": Cause.DB_SLOW_QUERY,
    "Error 1114: The table 'orders' is full": Cause.DISK_FULL,
    "dial tcp: lookup orders on 10.96.0.10:53: read udp 10.2.0.8:4711->10.96.0.10:53: i/o timeout": Cause.DNS_FAILURE,
    "PKIX path validation failed: java.security.cert.CertPathValidatorException: validity check failed": Cause.CERTIFICATE_EXPIRED,
    "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory": Cause.MEMORY_LEAK,
    "INIT_REPORT Init Duration: 1803.11 ms\tPhase: init\tStatus: error\tError Type: Runtime.ImportModuleError": Cause.INIT_FAILED,
    "[ERROR] Runtime.ImportModuleError: Unable to import module 'app': No module named 'orjson'": Cause.INIT_FAILED,
    "WARN Heartbeat poll expired, leaving group orders": Cause.CONSUMER_LAG,
    "WARN rdkafka: Application maximum poll interval (300000ms) exceeded by 52ms": Cause.CONSUMER_LAG,
}
OTHERWISE = {
    "KeyError: 'owner'": Cause.ENV_MISSING,
    "KeyError: 'ID'": Cause.ENV_MISSING,
    "REPORT RequestId: 1 Duration: 1512.33 ms Billed Duration: 1600 ms": Cause.DB_SLOW_QUERY,
    "INIT_REPORT Init Duration: 812.40 ms\tPhase: init\tStatus: success": Cause.INIT_FAILED,
    "# Query_time: 0.000120  Lock_time: 0.000004 Rows_sent: 1  Rows_examined: 1": Cause.DB_SLOW_QUERY,
    "order 429 was shipped": Cause.RATE_LIMITED,
    "the parking lot is full": Cause.DISK_FULL,
    "ERROR QueuePool limit of size 5 overflow 0 reached, see https://sqlalche.me/e: connection timed out": Cause.DB_UNREACHABLE,
}
"""Texts that resemble one that tells of a cause, and do not tell of it."""
HINTS = {
    "ERROR connect ECONNREFUSED 10.2.3.4:80": Cause.DEPENDENCY_DOWN,
    "ERROR context deadline exceeded": Cause.DEPENDENCY_TIMEOUT,
    "ERROR retries exhausted": Cause.RETRY_STORM,
}


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_that_many_systems_print_names_its_cause(text: str) -> None:
    it = f"service/{names(21).word()}"
    found = diagnose([log(it, text, severity=17, count=4), log(it, "served GET / in 3 ms")])
    assert (found.cause, found.object) == (TEXTS[text], it)
    assert check(found) == []


@pytest.mark.parametrize("text", HINTS)
def test_a_symptom_alone_is_a_hint_and_no_cause(text: str) -> None:
    it = f"service/{names(22).word()}"
    found = diagnose([log(it, text, severity=17, count=4)])
    assert found.inconclusive
    assert HINTS[text] in {h.cause for h in found.hypotheses if h.standing is Standing.HELD}


@pytest.mark.parametrize("text", OTHERWISE)
def test_a_text_that_only_resembles_it_tells_of_something_else(text: str) -> None:
    found = diagnose([log(f"service/{names(22).word()}", text, severity=17, count=4)])
    assert OTHERWISE[text] not in {h.cause for h in found.hypotheses if h.standing is Standing.HELD}


def test_a_text_that_is_usual_is_no_cause() -> None:
    it = f"service/{names(23).word()}"
    usual = [log(it, "ERROR: deadlock detected", severity=17, count=5)]
    assert diagnose([replace(usual[0], count=6)], usual).inconclusive
    assert diagnose([replace(usual[0], count=60)], usual).cause is Cause.DB_LOCK


def test_of_many_kinds_of_records_the_quoted_one_is_kept() -> None:
    it = f"service/{names(47).word()}"
    many = [
        log(it, f"java.net.UnknownHostException: {one}", severity=17, count=n)
        for n, one in enumerate("abcdefgh", 1)
    ]
    found = diagnose(many)
    assert "UnknownHostException: h" in " ".join(claim.text for claim in found.claims)
    assert check(found) == []


def test_a_pool_is_used_up_because_what_it_leads_to_does_not_answer() -> None:
    it = f"service/{names(24).word()}"
    pool, lost = "connection pool exhausted", "Lost connection to Redis: ECONNREFUSED"
    assert diagnose([log(it, pool, count=9)]).cause is Cause.POOL_EXHAUSTED
    assert diagnose([log(it, pool, count=9), log(it, lost)]).cause is Cause.DB_UNREACHABLE


def _operation(it: str, lines: dict[str, int], n: int) -> list[Signal]:
    return [
        calls(it, "/do", n),
        *(log(it, text, count=count, operation="/do") for text, count in lines.items()),
    ]


def test_a_record_that_no_longer_comes_tells_that_the_path_is_left() -> None:
    draw = names(25)
    it, kept, lost = f"service/{draw.word()}", draw.word(), draw.word()
    found = diagnose(_operation(it, {kept: 60, lost: 9}, 60), _operation(it, {kept: 90, lost: 90}, 90))
    assert (found.cause, found.object) == (Cause.CODE_PATH, it)
    assert any("9 in 60 calls, before 90 in 90" in claim.text for claim in found.claims)


def test_another_branch_taken_by_other_data_is_no_finding() -> None:
    draw = names(26)
    it, kept, one, other = f"service/{draw.word()}", draw.word(), draw.word(), draw.word()
    now = _operation(it, {kept: 60, one: 9, other: 51}, 60)
    assert diagnose(now, _operation(it, {kept: 90, one: 85, other: 5}, 90)).inconclusive


def test_half_the_traffic_is_no_finding() -> None:
    draw = names(27)
    it, kept, other = f"service/{draw.word()}", draw.word(), draw.word()
    assert diagnose(
        _operation(it, {kept: 30, other: 30}, 30), _operation(it, {kept: 90, other: 90}, 90)
    ).inconclusive


def test_a_new_exception_in_many_calls_is_named() -> None:
    it = f"service/{names(28).word()}"
    raised = "ERROR threw exception java.lang.IllegalStateException"
    now = [*_operation(it, {"done": 40}, 60), log(it, raised, count=20, operation="/do", severity=17)]
    assert diagnose(now, _operation(it, {"done": 60}, 60)).cause is Cause.EXCEPTION


def test_slow_ways_to_one_service_are_its_network() -> None:
    draw = names(29)
    one, two, slow, other = (f"service/{draw.word()}" for _ in range(4))
    usual = [edge(one, slow, 3.0), edge(two, slow, 4.0), edge(one, other, 3.0), edge(slow, other, 2.0)]
    now = [edge(one, slow, 503.0), edge(two, slow, 504.0), edge(one, other, 3.1), edge(slow, other, 2.2)]
    found = diagnose(now, usual)
    assert (found.cause, found.object) == (Cause.NETWORK_DELAY, slow)
    assert diagnose(usual, usual).inconclusive


def _span(it: str, key: str, value: float) -> Signal:
    return Signal(
        surface=Surface.SPAN, time=START, entity=it, operation="/do", key=key, value=value, count=50
    )


def test_an_operation_slow_by_itself_is_a_hint() -> None:
    it = f"service/{names(30).word()}"
    found = diagnose([_span(it, "self_ms.p50", 900.0)], [_span(it, "self_ms.p50", 9.0)])
    assert found.inconclusive
    assert (found.hypotheses[0].cause, found.hypotheses[0].object) == (Cause.SLOW_SERVICE, it)


def test_used_up_cpu_is_named_where_it_usually_is_not() -> None:
    it = f"service/{names(31).word()}"
    busy = metric(it, "cpu.utilization_percent", [20, 97, 99])
    assert diagnose(busy, metric(it, "cpu.utilization_percent", [4, 5, 6])).cause is Cause.CPU_CONTENTION
    assert diagnose(busy, metric(it, "cpu.utilization_percent", [95, 96, 99])).inconclusive
    assert diagnose(busy).inconclusive


def test_retransmissions_on_a_node_are_its_network() -> None:
    node = f"node/{names(32).word()}"
    found = diagnose(metric(node, "tcp.retransmissions", [9]), metric(node, "tcp.retransmissions", [0.1]))
    assert (found.cause, found.object) == (Cause.NODE_PACKET_LOSS, node)


@pytest.mark.parametrize(
    ("key", "now", "cause"),
    [
        ("latency_s", [0.9, 0.95], Cause.SLOW_SERVICE),
        ("availability_percent", [91.0, 92.0], Cause.FAILING_SERVICE),
        ("requests.count", [900.0, 950.0], Cause.TRAFFIC),
    ],
)
def test_a_metric_far_from_how_it_varies_is_named(key: str, now: list[float], cause: Cause) -> None:
    it = f"service/{names(33).word()}"
    usual = {"latency_s": [0.1, 0.11], "availability_percent": [100.0], "requests.count": [100.0, 110.0]}[
        key
    ] * 20
    found = diagnose(metric(it, key, now), metric(it, key, usual))
    assert (found.cause, found.object) == (cause, it)
    assert diagnose(metric(it, key, usual[:5]), metric(it, key, usual)).inconclusive


def test_five_samples_are_no_normal_time() -> None:
    it = f"service/{names(34).word()}"
    assert diagnose(metric(it, "latency_s", [0.9]), metric(it, "latency_s", [0.1] * 5)).inconclusive


def test_slow_services_on_one_node_share_it() -> None:
    draw = names(35)
    services = [f"service/{draw.word()}" for _ in range(4)]
    placed = [s for it in services[:3] for s in owned(draw.pod(it), it, spec__nodeName="far")]
    placed += owned(draw.pod(services[3]), services[3], spec__nodeName="near")
    now = [s for it in services[:3] for s in metric(it, "latency_ms", [600])]
    usual = [s for it in services for s in metric(it, "latency_ms", [5])]
    found = diagnose([*placed, *now], usual)
    assert (found.cause, found.object) == (Cause.NODE_NETWORK_DELAY, "node/far")
    chain = [edge(services[0], services[1]), edge(services[1], services[2])]
    assert diagnose([*placed, *now, *chain], usual).inconclusive  # one of them makes the others wait


@pytest.mark.parametrize(
    ("key", "values", "cause"),
    [
        ("ReplicaLag", [1.0, 1.2, 1.1, 90.0, 400.0], Cause.DB_REPLICATION),
        ("FreeStorageSpace", [9e10, 9e10, 8e10, 3e9, 1e9], Cause.DB_STORAGE),
        ("CPUUtilization", [91.0, 94.0, 96.0, 95.0, 93.0], Cause.DB_CPU),
    ],
)
def test_a_database_is_held_against_its_own_begin(key: str, values: list[float], cause: Cause) -> None:
    it = f"database/{names(36).word()}"
    found = diagnose(metric(it, key, values))
    assert (found.cause, found.object) == (cause, it)
    assert diagnose(metric(it, key, [values[0]] * 5 if key != "CPUUtilization" else [20.0] * 5)).inconclusive


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("Multi-AZ instance failover initiated.", Cause.DB_FAILOVER),
        ("approaching max_connections limit", Cause.DB_CONNECTIONS),
        ("ran out of storage space", Cause.DB_STORAGE),
        ("replication lag exceeded 600 seconds", Cause.DB_REPLICATION),
    ],
)
def test_a_database_says_it_in_its_events(text: str, cause: Cause) -> None:
    it = f"database/{names(37).word()}"
    assert diagnose([event(it, "failure", text, kind="Normal")]).cause is cause


def test_a_lock_that_most_of_the_load_waits_for_is_named() -> None:
    it = f"database/{names(38).word()}"
    assert diagnose([state(it, "top_wait", "Lock:transactionid")]).cause is Cause.DB_LOCK
    assert diagnose([state(it, "top_wait", "IO:DataFileRead")]).inconclusive


def test_connections_that_grow_while_clients_idle_are_held() -> None:
    it = f"database/{names(46).word()}"
    grown = metric(it, "DatabaseConnections", [100, 110, 120, 160, 190])
    assert diagnose([*grown, state(it, "top_wait", "Client:ClientRead")]).cause is Cause.DB_CONNECTIONS
    assert diagnose(grown).inconclusive


def _change(it: str, kind: str, minutes: float) -> Signal:
    at = START - timedelta(minutes=minutes)
    return Signal(surface=Surface.CHANGE, time=at, entity=it, key=kind, value="v42")


def _standing(found: Diagnosis, cause: Cause) -> Standing:
    return next(h.standing for h in found.hypotheses if h.cause is cause)


def test_a_change_before_the_cause_is_told_beside_it() -> None:
    it = f"service/{names(39).word()}"
    found = diagnose([log(it, "connection pool exhausted", count=9), _change(it, "deploy", 4)])
    assert found.cause is Cause.POOL_EXHAUSTED
    assert any("`v42`" in claim.text and "2031-05-04T02:58:01Z" in claim.text for claim in found.claims)
    assert check(found) == []


@pytest.mark.parametrize(("kind", "cause"), [("deploy", Cause.BAD_VERSION), ("flag", Cause.CONFIG_CHANGE)])
def test_a_change_before_a_symptom_without_a_cause_is_accused(kind: str, cause: Cause) -> None:
    it = f"service/{names(40).word()}"
    found = diagnose([log(it, "ERROR context deadline exceeded", severity=17), _change(it, kind, 4)])
    assert (found.cause, found.object) == (cause, it)


@pytest.mark.parametrize("minutes", [-3, 200])
def test_a_change_after_it_or_long_before_is_ruled_out(minutes: float) -> None:
    it = f"service/{names(41).word()}"
    found = diagnose(
        [log(it, "ERROR context deadline exceeded", severity=17), _change(it, "deploy", minutes)]
    )
    assert found.inconclusive
    assert _standing(found, Cause.BAD_VERSION) is Standing.RULED_OUT


def test_an_innocent_deploy_elsewhere_is_ruled_out_by_name() -> None:
    draw = names(42)
    it, innocent = f"service/{draw.word()}", f"service/{draw.word()}"
    found = diagnose(
        [log(it, "ERROR context deadline exceeded", severity=17), _change(innocent, "deploy", 2)]
    )
    acquitted = next(h for h in found.hypotheses if h.object == innocent)
    assert (acquitted.standing, found.inconclusive) == (Standing.RULED_OUT, True)


def test_a_version_that_another_one_followed_is_ruled_out_by_name() -> None:
    it = f"service/{names(46).word()}"
    fixed = replace(_change(it, "deploy", 3), value="v43")
    failing = replace(_change(it, "deploy", 1), value="v44")
    found = diagnose([log(it, "connection pool exhausted"), _change(it, "deploy", 9), fixed, failing])
    told = " ".join(claim.text for claim in found.claims)
    assert ("`v44`" in told, "`v43`" in told, "`v42`" in told) == (True, False, False)
    acquitted = [h for h in found.hypotheses if h.standing is Standing.RULED_OUT and h.object == it]
    assert [h.cause for h in acquitted] == [Cause.BAD_VERSION, Cause.BAD_VERSION]
    assert any("`v42`" in r.text and "`v44`" in r.text for h in acquitted for r in h.reasons)
    assert check(found) == []


def test_a_setting_is_not_undone_by_the_version_after_it() -> None:
    it = f"service/{names(47).word()}"
    setting, version = _change(it, "config", 5), _change(it, "deploy", 2)
    found = diagnose([log(it, "ERROR context deadline exceeded", severity=17), setting, version])
    held = {h.cause for h in found.hypotheses if h.standing is Standing.HELD}
    assert {Cause.CONFIG_CHANGE, Cause.BAD_VERSION} <= held


def test_where_in_the_code_it_is_raised_is_told_and_cited() -> None:
    it = f"service/{names(48).word()}"
    raised = replace(log(it, "connection pool exhausted", severity=17), detail="take() in pool.py:9")
    found = diagnose([raised])
    assert any("from `take() in pool.py:9`" in claim.text for claim in found.claims)
    assert check(found) == []


def test_a_change_in_what_a_service_calls_is_told() -> None:
    draw = names(43)
    it, callee = f"service/{draw.word()}", f"service/{draw.word()}"
    found = diagnose(
        [log(it, "connection pool exhausted"), edge(it, callee), _change(callee, "migration", 1)]
    )
    assert any(callee[8:] in claim.text for claim in found.claims)


@pytest.mark.parametrize(
    ("field", "cause"),
    [("version", Cause.BAD_VERSION), ("spec.nodeName", Cause.BAD_NODE), ("flag.cart", Cause.COHORT)],
)
def test_what_all_failing_pods_share_is_named_where_chance_is_small(field: str, cause: Cause) -> None:
    draw = names(44)
    it = f"service/{draw.word()}"
    pods = [draw.pod(it) for _ in range(8)]
    signals = [s for pod in pods for s in owned(pod, it)]
    signals += [state(pod, field, "two" if n < 4 else "one") for n, pod in enumerate(pods)]
    signals += [log(pod, "it broke", severity=17) for pod in pods[:4]]
    found = diagnose([*workload(it), *signals])
    assert found.cause is cause
    few = [s for s in signals if s.entity in {pods[0], pods[4]}]
    assert diagnose([*workload(it), *few]).inconclusive


def test_what_the_alert_is_about_comes_before_what_it_is_not() -> None:
    draw = names(45)
    ours, other = f"service/{draw.word()}", f"service/{draw.word()}"
    signals = [
        log(ours, "ERROR: deadlock detected", severity=17),
        log(other, "No space left on device", severity=17),
    ]
    assert diagnose(signals).object == other
    alert = Signal(surface=Surface.ALERT, time=START, entity=ours, key="errors", value="high")
    assert diagnose([*signals, alert]).object == ours


def test_a_change_is_not_acquitted_by_a_record_that_came_before_it_and_no_more() -> None:
    draw = names(26)
    it, kept, lost = f"service/{draw.word()}", draw.word(), draw.word()
    half = timedelta(minutes=30)
    usual = [replace(s, time=s.time - half) for s in _operation(it, {kept: 90, lost: 90}, 90)]
    found = diagnose([_change(it, "deploy", 15), *_operation(it, {kept: 60}, 60)], usual)
    assert (found.cause, found.object) == (Cause.CODE_PATH, it)
    assert check(found) == []
    (version,) = [one for one in found.hypotheses if one.cause is Cause.BAD_VERSION]
    assert version.standing is Standing.HELD
    assert "; the first record came at" in version.reasons[0].text
