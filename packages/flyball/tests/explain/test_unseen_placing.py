"""Pods that are not created or not placed: what admission, quotas and the scheduler refuse, in their own texts."""

from __future__ import annotations

import pytest
from flyball.model.cause import Cause
from harness.unseen import Builder, Fault, has, named, told

_NODES = "0/4 nodes are available: "
_AFTER = ". preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling."
_PENDING = has("status.phase", "Pending")


def _placed(clauses: str, cause: Cause, *more: Builder, of: str = "<it>") -> Fault:
    return Fault(cause, [_PENDING, told("FailedScheduling", _NODES + clauses + _AFTER), *more], of)


FAULTS = {
    # admission
    "webhook does not answer": Fault(
        Cause.ADMISSION_UNREACHABLE,
        [
            told(
                "FailedCreate",
                'Error creating: Internal error occurred: failed calling webhook "<word>.example": failed to call webhook: Post'
                ' "https://<word>.<space>.svc:443/mutate?timeout=10s": dial tcp 10.0.7.1:443: connect: connection refused',
                by="<it>",
            )
        ],
    ),
    "webhook has no endpoints": Fault(
        Cause.ADMISSION_UNREACHABLE,
        [
            told(
                "FailedCreate",
                'Error creating: Internal error occurred: failed calling webhook "<word>.example": failed to call webhook: Post'
                ' "https://<word>.<space>.svc:443/validate?timeout=5s": no endpoints available for service "<word>"',
                by="<it>",
            )
        ],
    ),
    "pod security": Fault(
        Cause.ADMISSION_DENIED,
        [
            told(
                "FailedCreate",
                'Error creating: pods "<pod.name>" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation !='
                ' false (container "main" must set securityContext.allowPrivilegeEscalation=false)',
                by="<it>",
            )
        ],
    ),
    "more than the limit range": Fault(
        Cause.LIMIT_RANGE,
        [
            told(
                "FailedCreate",
                'Error creating: pods "<pod.name>" is forbidden: maximum memory usage per Container is 512Mi, but limit is 1Gi',
                by="<it>",
            )
        ],
    ),
    "less than the limit range": Fault(
        Cause.LIMIT_RANGE,
        [
            told(
                "FailedCreate",
                'Error creating: pods "<pod.name>" is forbidden: minimum cpu usage per Container is 100m, but request is 20m',
                by="<it>",
            )
        ],
    ),
    "quota asks for limits": Fault(
        Cause.LIMIT_RANGE,
        [
            told(
                "FailedCreate",
                'Error creating: pods "<pod.name>" is forbidden: failed quota: <word>: must specify limits.cpu for: main; limits.memory for: main',
                by="<it>",
            )
        ],
    ),
    "token of a missing account": Fault(
        Cause.SERVICE_ACCOUNT_MISSING,
        [
            told(
                "FailedMount",
                'MountVolume.SetUp failed for volume "kube-api-access-x2k" : failed to fetch token: serviceaccounts "<word>" not found',
            )
        ],
    ),
    "priority class": Fault(
        Cause.ADMISSION_DENIED,
        [
            told(
                "FailedCreate",
                'Error creating: pods "<pod.name>" is forbidden: no PriorityClass with name <word> was found',
                by="<it>",
            )
        ],
    ),
    # placing
    "host port taken": _placed(
        "4 node(s) didn't have free ports for the requested pod ports", Cause.PORT_IN_USE
    ),
    "too many pods": _placed("4 Too many pods", Cause.POD_CAPACITY),
    "no accelerator": _placed("4 Insufficient nvidia.com/gpu", Cause.RESOURCE_CAPACITY),
    "no local storage": _placed("4 Insufficient ephemeral-storage", Cause.RESOURCE_CAPACITY),
    "topology spread": _placed(
        "4 node(s) didn't match pod topology spread constraints", Cause.TOPOLOGY_SPREAD
    ),
    "volume in another zone": _placed(
        "3 node(s) had volume node affinity conflict, 1 Insufficient cpu", Cause.VOLUME_ZONE
    ),
    "volumes of a node": _placed("4 node(s) exceed max volume count", Cause.VOLUME_COUNT),
    "no volume": _placed("4 node(s) didn't find available persistent volumes to bind", Cause.CLAIM_UNBOUND),
    "pressure on disks": _placed(
        "4 node(s) had untolerated taint {node.kubernetes.io/disk-pressure: }",
        Cause.NODE_DISK_PRESSURE,
        has("condition.DiskPressure", "True", by="<node>"),
        of="<node>",
    ),
    "nodes not ready": _placed(
        "4 node(s) had untolerated taint {node.kubernetes.io/not-ready: }",
        Cause.NODE_NOT_READY,
        has("condition.Ready", "False", by="<node>"),
        of="<node>",
    ),
}


@pytest.mark.parametrize("seed", [21, 22])
@pytest.mark.parametrize("fault", FAULTS)
def test_what_keeps_a_pod_from_being_placed_is_named(fault: str, seed: int) -> None:
    named(FAULTS[fault], seed)
