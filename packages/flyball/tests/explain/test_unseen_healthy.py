"""Look-alikes: what a healthy system says in nearly the same words. All stay inconclusive."""

from __future__ import annotations

import pytest
from flyball.explain.engine import diagnose
from flyball.model.signal import Surface
from harness.signals import names
from harness.unseen import WANTED, Fault, has, measured, signals, told, wrote


def _says(*texts: str, severity: int = 9) -> Fault:
    return Fault(None, [wrote(text, severity=severity, count=30) for text in texts], ready=WANTED)


HEALTHY = {
    "nothing": Fault(None, [], ready=WANTED),
    "pull that went well": Fault(
        None,
        [
            told(
                "Failed",
                'Failed to pull image "r.example/<word>:7": rpc error: code = NotFound desc = not found',
            ),
            told(
                "ErrImageNeverPull",
                'Container image "r.example/<word>:3" is not present with pull policy of Never',
            ),
            told(
                "FailedToRetrieveImagePullSecret",
                "Unable to retrieve some image pull secrets (<word>); attempting to pull the image may not succeed.",
            ),
        ],
        ready=WANTED,
    ),
    "evicted and replaced": Fault(
        None,
        [
            told("Evicted", "The node was low on resource: memory. ", by="pod/<it.name>-7f9c-old"),
            told(
                "NodeHasSufficientMemory",
                "Node <node.name> status is now: NodeHasSufficientMemory",
                by="<node>",
                kind="Normal",
            ),
            has("owner", "<it>", by="pod/<it.name>-7f9c-old"),
            has("status.reason", "Evicted", by="pod/<it.name>-7f9c-old"),
            has("condition.MemoryPressure", "False", by="<node>"),
        ],
        ready=WANTED,
    ),
    "pressure that is over": Fault(
        None,
        [
            told("EvictionThresholdMet", "Attempting to reclaim memory", by="<node>", count=1),
            told(
                "NodeHasDiskPressure",
                "Node <node.name> status is now: NodeHasDiskPressure",
                by="<node>",
                kind="Normal",
            ),
            has("condition.MemoryPressure", "False", by="<node>"),
            has("condition.DiskPressure", "False", by="<node>"),
            has("condition.PIDPressure", "False", by="<node>"),
            has("condition.Ready", "True", by="<node>"),
        ],
        ready=WANTED,
    ),
    "pod that is going": Fault(
        None,
        [has("status.reason", "Terminating"), told("Killing", "Stopping container main", kind="Normal")],
        ready=WANTED,
    ),
    "preempted and placed again": Fault(
        None, [told("Preempted", "Preempted by pod 8f7a1c02 on node <node.name>")], ready=WANTED
    ),
    "autoscaler at its minimum": Fault(
        None,
        [
            has("condition.ScalingLimited", "True TooFewReplicas", by="autoscaler/<it.name>"),
            has("condition.ScalingActive", "True ValidMetricFound", by="autoscaler/<it.name>"),
            told(
                "FailedGetResourceMetric",
                "failed to get cpu utilization: did not receive metrics for targeted pods (pods might be unready)",
                by="autoscaler/<it.name>",
                count=2,
            ),
        ],
        ready=WANTED,
    ),
    "autoscaler at its maximum, and nobody minds": Fault(
        None,
        [has("condition.ScalingLimited", "True TooManyReplicas", by="autoscaler/<it.name>")],
        ready=WANTED,
    ),
    "webhook that came back": Fault(
        None,
        [
            told(
                "FailedCreate",
                'Internal error occurred: failed calling webhook "<word>.example": connection refused',
                by="<it>",
                count=1,
            )
        ],
        ready=WANTED,
    ),
    "sandbox at the second try": Fault(
        None,
        [
            told(
                "FailedCreatePodSandBox",
                'Failed to create pod sandbox: plugin type="<word>" failed (add): timed out',
                count=1,
            )
        ],
        ready=WANTED,
    ),
    "volume attached in the end": Fault(
        None,
        [
            told(
                "FailedAttachVolume",
                'Multi-Attach error for volume "pvc-1f2" Volume is already used by pod(s) x',
                count=2,
            )
        ],
        ready=WANTED,
    ),
    "job that ended": Fault(
        None, [told("Completed", "Job completed", by="<it>", kind="Normal")], ready=WANTED
    ),
    "policy that lets names through": Fault(
        None,
        [
            has("spec.podSelector", "{}", by="networkpolicy/<word>"),
            has(
                "spec.egress",
                "[{'ports': [{'port': 53, 'protocol': 'UDP'}]}, {'ports': [{'port': 443}]}]",
                by="networkpolicy/<word>",
            ),
        ],
        ready=WANTED,
    ),
    "strict policy that troubles nobody": Fault(
        None,
        [
            has("spec.podSelector", "{}", by="networkpolicy/<word>"),
            has("spec.egress", "[{'ports': [{'port': 443, 'protocol': 'TCP'}]}]", by="networkpolicy/<word>"),
        ],
        ready=WANTED,
    ),
    "PostgreSQL at work": _says(
        "LOG:  checkpoint complete: wrote 4211 buffers (25.7%)",
        'LOG:  automatic aggressive vacuum to prevent wraparound of table "shop.public.orders": index scans: 1',
        "LOG:  could not receive data from client: Connection reset by peer",
        'NOTICE:  relation "orders" already exists, skipping',
        'NOTICE:  table "old_orders" does not exist, skipping',
        "LOG:  database system is ready to accept read-only connections",
        "LOG:  parameter idle_in_transaction_session_timeout changed to 60s",
    ),
    "Redis at work": _says(
        "# WARNING Memory overcommit must be enabled!",
        "* maxmemory 2gb, maxmemory-policy allkeys-lru",
        "* DB loaded from disk: 0.002 seconds",
        "* 10 changes in 300 seconds. Saving...",
    ),
    "broker at work": _says(
        "[info] <0.474.0> memory resource limit alarm cleared on node rabbit@a",
        "INFO [GroupCoordinator 1]: Stabilized group orders generation 3",
        "INFO Created topic audit with 6 partitions",
    ),
    "proxy at work": _says(
        '[2031-05-04T03:02:01.000Z] "GET /items HTTP/1.1" 200 - via_upstream - "-" 0 91 3 2 "-" "curl/8.0"',
        '[2031-05-04T03:02:01.000Z] "GET /wp-login.php HTTP/1.1" 404 NR route_not_found - "-" 0 0 0 - "-" "zgrab"',
        '[2031-05-04T03:02:01.000Z] "POST /items HTTP/1.1" 0 DC downstream_remote_disconnect - "-" 91 0 8 - "-" "-"',
        "INFO circuit breaker for stock is CLOSED",
    ),
    "certificates at work": _says(
        "INFO certificate for shop.example is valid, expires in 41 days",
        "INFO loaded 137 certificates into the trust store, 0 unknown authorities",
        "INFO renewing self-signed serving certificate",
        "INFO tls handshake completed in 3 ms",
    ),
    "limits at work": _says(
        "INFO open files limit is 1048576, processes limit unlimited",
        "INFO deadlock detector started",
        "INFO clock offset is 0.4 ms",
        "INFO max message size is 4194304 bytes",
        "INFO permission cache refreshed, 12 roles",
        "INFO rate limiter configured: 429 after 100 requests",
    ),
    "a client's bad input": _says(
        "WARN 400 Bad Request: invalid literal for int() with base 10: 'abc'",
        "WARN 404 Not Found: item 17 does not exist",
        "WARN 403 Forbidden: user 12 may not read order 9",
        "WARN payload rejected: name must be a string",
        severity=13,
    ),
    "a start": _says(
        "INFO loading configuration from /etc/app/config.yaml",
        "INFO optional module 'brotli' not found, using gzip",
        "INFO no local settings file, using defaults",
        "INFO fault injection filter is disabled",
        "INFO chaos endpoints disabled",
    ),
    "errors of clients that are answered": _says(
        "ERROR validation failed: name must not be empty",
        "ERROR order 4711 not found",
        "ERROR duplicate key, order was placed already",
        "ERROR checkout rejected: card declined",
        "ERROR user 9 has no cart",
        "ERROR failed to send mail to x@example, retrying later",
        severity=17,
    ),
    "configuration that is read": _says(
        "WARN config reload requested",
        "WARN configuration key 'theme' is deprecated, use 'look'",
        "WARN no configuration for region eu, using default",
        "WARN unknown option 'trace' is ignored",
        severity=13,
    ),
    "tokens that are renewed": _says(
        "INFO access token expired, refreshing",
        "WARN session token expired for user 12, asking for login",
        "INFO secret rotated, password valid until 2031-06-01",
        "WARN certificate subject name is CN=shop.example",
        severity=13,
    ),
    "stores at work": _says(
        "INFO table orders created, index orders_at created",
        "WARN queue depth 12 of 1000",
        "INFO migrations: 0 pending",
        "WARN disk usage is 61 % of volume data",
        "INFO elected leader of shard 3, quorum 3 of 3",
        "INFO pool size 20, 3 in use",
        "INFO bucket backups: 14 objects",
        severity=13,
    ),
    "a database at work": Fault(
        None,
        [
            measured("FreeableMemory", [2.1e9, 2.0e9, 1.9e9, 2.0e9, 2.1e9, 2.0e9], by="database/<word>"),
            measured("BurstBalance", [100, 99, 97, 95, 98, 100], by="database/<word>"),
            measured("CPUCreditBalance", [570, 571, 572, 573, 574, 575], by="database/<word>"),
            measured("Evictions", [0, 0, 0, 0, 0, 0], by="database/<word>"),
            measured("MaximumUsedTransactionIDs", [1.2e8] * 6, by="database/<word>"),
            told("backup", "Finished DB Instance backup", by="database/<word>", kind="Normal"),
            told("maintenance", "Performance Insights has been enabled", by="database/<word>", kind="Normal"),
        ],
        ready=WANTED,
    ),
}


@pytest.mark.parametrize("seed", [29, 30, 31])
@pytest.mark.parametrize("fault", HEALTHY)
def test_what_a_healthy_system_says_is_no_fault(fault: str, seed: int) -> None:
    shown, _ = signals(HEALTHY[fault], names(seed))
    found = diagnose(shown)
    assert (found.cause, found.object, found.inconclusive) == (None, "", True)


@pytest.mark.parametrize("fault", HEALTHY)
def test_what_a_healthy_system_writes_is_no_fault_where_its_logs_alone_are_read(fault: str) -> None:
    shown, _ = signals(HEALTHY[fault], names(32))
    assert diagnose([one for one in shown if one.surface is Surface.LOG]).inconclusive
