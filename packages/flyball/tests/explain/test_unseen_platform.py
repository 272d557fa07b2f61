"""Pods that are stopped, not scaled or not ended, jobs, and probes, in the platform's own texts."""

from __future__ import annotations

import pytest
from flyball.model.cause import Cause
from harness.unseen import WANTED, Fault, has, named, told, wrote

_RESTARTED = has("status.restartCount", 5.0)
_HTTP = " delay=30s timeout=1s period=10s #success=1 #failure=3"
_PROBED = [has("container.main.containerPort", "8080/TCP"), _RESTARTED]

FAULTS = {
    # evicted, preempted, not gone
    "its own files": Fault(
        Cause.EPHEMERAL_STORAGE,
        [
            told("Evicted", "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. "),
            has("status.reason", "Evicted"),
        ],
    ),
    "files of a container": Fault(
        Cause.EPHEMERAL_STORAGE,
        [
            told("Evicted", 'Container main exceeded its local ephemeral storage limit "500Mi". '),
            has("status.reason", "Evicted"),
        ],
    ),
    "empty dir": Fault(
        Cause.EPHEMERAL_STORAGE,
        [
            told("Evicted", 'Usage of EmptyDir volume "scratch" exceeds the limit "1Gi". '),
            has("status.reason", "Evicted"),
        ],
    ),
    "memory of the node": Fault(
        Cause.NODE_MEMORY_PRESSURE,
        [
            told(
                "Evicted",
                "The node was low on resource: memory. Threshold quantity: 100Mi, available: 52344Ki. Container main was using"
                " 912344Ki, request is 0, has larger consumption of memory. ",
            ),
            has("status.reason", "Evicted"),
            has("condition.MemoryPressure", "True", by="<node>"),
        ],
        of="<node>",
    ),
    "disk of the node": Fault(
        Cause.NODE_DISK_PRESSURE,
        [
            told(
                "Evicted",
                "The node was low on resource: ephemeral-storage. Threshold quantity: 5Gi, available: 3Gi. Container main was using"
                " 40Ki, request is 0, has larger consumption of ephemeral-storage. ",
            ),
            told("EvictionThresholdMet", "Attempting to reclaim ephemeral-storage", by="<node>"),
            told(
                "FreeDiskSpaceFailed",
                "Failed to garbage collect required amount of images. Attempted to free 5368709120 bytes, but only found 0 bytes eligible"
                " to free.",
                by="<node>",
            ),
            has("status.reason", "Evicted"),
        ],
        of="<node>",
    ),
    "processes of the node": Fault(
        Cause.NODE_PID_PRESSURE,
        [
            told("Evicted", "The node was low on resource: pids. Threshold quantity: 3276, available: 12. "),
            has("condition.PIDPressure", "True", by="<node>"),
            has("status.reason", "Evicted"),
        ],
        of="<node>",
    ),
    "kernel kills": Fault(
        Cause.NODE_MEMORY_PRESSURE,
        [told("SystemOOM", "System OOM encountered, victim process: <word>, pid: 3141", by="<node>")],
        of="<node>",
    ),
    "preempted": Fault(
        Cause.PREEMPTED,
        [
            told(
                "Preempted",
                "Preempted by pod 8f7a1c02-11aa-4b1e-9d2f-6f0e1c2d3e4f on node <node.name>",
                count=1,
                kind="Normal",
            ),
            has("status.phase", "Pending"),
        ],
    ),
    "finalizer": Fault(
        Cause.DELETION_STUCK,
        [
            has("status.phase", "Terminating", by="namespace/<space>"),
            has(
                "condition.NamespaceFinalizersRemaining",
                "True SomeFinalizersRemain",
                by="namespace/<space>",
            ),
        ],
        of="namespace/<space>",
        ready=WANTED,
    ),
    "cannot be killed": Fault(
        Cause.DELETION_STUCK,
        [
            has("status.reason", "Terminating"),
            told(
                "FailedKillPod",
                'error killing pod: failed to "KillPodSandbox" for "1f2a" with KillPodSandboxError: "rpc error: code = DeadlineExceeded desc = context deadline exceeded"',
                count=40,
            ),
        ],
    ),
    "disruption budget": Fault(
        Cause.DISRUPTION_BUDGET,
        [
            wrote(
                'error when evicting pods/"<pod.name>" -n "<space>" (will retry after 5s): Cannot evict pod as it would violate the'
                " pod's disruption budget.",
                by="service/<word>",
                count=90,
            )
        ],
        of="service/<word>",
        ready=WANTED,
    ),
    # scaling, jobs
    "no metrics for the autoscaler": Fault(
        Cause.AUTOSCALER_METRICS,
        [
            told(
                "FailedGetResourceMetric",
                "failed to get cpu utilization: missing request for cpu in container main of Pod <pod.name>",
                by="autoscaler/<it.name>",
                count=80,
            ),
            has("condition.ScalingActive", "False FailedGetResourceMetric", by="autoscaler/<it.name>"),
        ],
        of="autoscaler/<it.name>",
        ready=WANTED,
    ),
    "metrics server is not there": Fault(
        Cause.AUTOSCALER_METRICS,
        [
            told(
                "FailedGetResourceMetric",
                "failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics"
                " API: the server could not find the requested resource (get pods.metrics.k8s.io)",
                by="autoscaler/<it.name>",
                count=80,
            )
        ],
        of="autoscaler/<it.name>",
        ready=WANTED,
    ),
    "autoscaler at its maximum": Fault(
        Cause.AUTOSCALER_MAXIMUM,
        [
            has("condition.ScalingLimited", "True TooManyReplicas", by="autoscaler/<it.name>"),
            wrote("WARN request timed out after 2000 ms, queue is 412", severity=13),
        ],
        of="autoscaler/<it.name>",
        ready=WANTED,
    ),
    "job gives up": Fault(
        Cause.JOB_FAILED,
        [
            told("BackoffLimitExceeded", "Job has reached the specified backoff limit", by="<it>", count=1),
            has("status.phase", "Failed"),
        ],
    ),
    "job takes too long": Fault(
        Cause.JOB_DEADLINE,
        [told("DeadlineExceeded", "Job was active longer than specified deadline", by="<it>", count=1)],
    ),
    # probes
    "startup probe": Fault(
        Cause.STARTUP_FAILED,
        [
            *_PROBED,
            has("container.main.startupProbe", "http-get http://:8080/up" + _HTTP),
            told("Unhealthy", "Startup probe failed: HTTP probe failed with statuscode: 503", count=12),
            told("Killing", "Container main failed startup probe, will be restarted", kind="Normal"),
        ],
    ),
    "startup probe on another port": Fault(
        Cause.STARTUP_PORT,
        [
            *_PROBED,
            has("container.main.startupProbe", "http-get http://:8081/up" + _HTTP),
            told(
                "Unhealthy",
                'Startup probe failed: Get "http://10.2.0.4:8081/up": dial tcp 10.2.0.4:8081: connect: connection refused',
                count=12,
            ),
        ],
    ),
    "liveness path": Fault(
        Cause.LIVENESS_PATH,
        [
            *_PROBED,
            has("container.main.livenessProbe", "http-get http://:8080/helthz" + _HTTP),
            told("Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 404", count=12),
        ],
    ),
    "readiness path": Fault(
        Cause.READINESS_PATH,
        [
            has("container.main.containerPort", "8080/TCP"),
            has("container.main.readinessProbe", "http-get http://:8080/redy" + _HTTP),
            told("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 404", count=60),
        ],
    ),
    "readiness asks without a password": Fault(
        Cause.READINESS_FAILED,
        [
            has("container.main.containerPort", "8080/TCP"),
            has("container.main.readinessProbe", "http-get http://:8080/info" + _HTTP),
            told("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 401", count=60),
        ],
    ),
    "not serving": Fault(
        Cause.LIVENESS_FAILED,
        [
            *_PROBED,
            has("container.main.livenessProbe", "grpc <pod>:8080 " + _HTTP),
            told(
                "Unhealthy",
                'Liveness probe failed: service unhealthy (responded with "NOT_SERVING")',
                count=12,
            ),
        ],
    ),
    "no health service": Fault(
        Cause.LIVENESS_PROTOCOL,
        [
            *_PROBED,
            has("container.main.livenessProbe", "grpc <pod>:8080 " + _HTTP),
            told(
                "Unhealthy",
                "Liveness probe failed: error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unknown service grpc.health.v1.Health",
                count=12,
            ),
        ],
    ),
}


@pytest.mark.parametrize("seed", [23, 24])
@pytest.mark.parametrize("fault", FAULTS)
def test_what_the_platform_does_is_named(fault: str, seed: int) -> None:
    named(FAULTS[fault], seed)
