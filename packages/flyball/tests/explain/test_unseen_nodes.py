"""The platform under the pods: networks of nodes, kernels, clocks, limits, the control plane."""

from __future__ import annotations

import pytest
from flyball.model.cause import Cause
from harness.unseen import WANTED, Fault, has, named, told, wrote

_SANDBOX = "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox 1f2a: plugin type="

FAULTS = {
    # networks of nodes
    "network plugin": Fault(
        Cause.NETWORK_PLUGIN,
        [
            told(
                "FailedCreatePodSandBox",
                _SANDBOX
                + '"<word>" failed (add): stat /var/lib/<word>/nodename: no such file or directory: check that the <word>/node container is running',
                count=30,
            ),
            has("status.reason", "ContainerCreating"),
        ],
        of="<node>",
    ),
    "network plugin not initialised": Fault(
        Cause.NETWORK_PLUGIN,
        [
            has("condition.Ready", "False", by="<node>"),
            told(
                "NetworkNotReady",
                "network is not ready: container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady"
                " message:Network plugin returns error: cni plugin not initialized",
            ),
        ],
        of="<node>",
    ),
    "no address for a pod": Fault(
        Cause.POD_ADDRESSES,
        [
            told(
                "FailedCreatePodSandBox",
                _SANDBOX
                + '"host-local" failed (add): failed to allocate for range 0: no IP addresses available in range set: 10.2.0.1-10.2.0.254',
                count=30,
            ),
            has("status.reason", "ContainerCreating"),
        ],
        of="<node>",
    ),
    "no address in the subnet": Fault(
        Cause.POD_ADDRESSES,
        [
            told(
                "FailedCreatePodSandBox",
                _SANDBOX + '"aws-cni" failed (add): add cmd: failed to assign an IP address to container',
                count=30,
            ),
            has("status.reason", "ContainerCreating"),
        ],
        of="<node>",
    ),
    # nodes and the control plane
    "file system of a node": Fault(
        Cause.FILE_SYSTEM_READ_ONLY,
        [
            has("condition.ReadonlyFilesystem", "True", by="<node>"),
            told(
                "FilesystemIsReadOnly",
                "Node condition ReadonlyFilesystem is now: True, reason: FilesystemIsReadOnly",
                by="<node>",
            ),
        ],
        of="<node>",
        ready=1.0,
    ),
    "kernel deadlock": Fault(
        Cause.NODE_KERNEL,
        [
            has("condition.KernelDeadlock", "True", by="<node>"),
            told("TaskHung", "INFO: task <word>:1234 blocked for more than 120 seconds.", by="<node>"),
        ],
        of="<node>",
        ready=1.0,
    ),
    "controller manager": Fault(
        Cause.CONTROLLER_MANAGER_DOWN,
        [has("daemon.kube-controller-manager", "inactive (dead)", by="<node>")],
        of="<node>",
    ),
    "api server": Fault(
        Cause.API_SERVER_DOWN,
        [has("daemon.kube-apiserver", "failed (Result: exit-code)", by="<node>")],
        of="<node>",
    ),
    "etcd": Fault(Cause.ETCD_DOWN, [has("daemon.etcd", "inactive (dead)", by="<node>")], of="<node>"),
    "etcd times out": Fault(
        Cause.ETCD_DOWN,
        [
            wrote("Error from server: etcdserver: request timed out", by="service/<word>", count=40),
            wrote(
                "E0504 03:02:01 leaderelection.go:330] error retrieving resource lock: etcdserver: leader changed",
                by="service/<word>",
            ),
        ],
        of="service/<word>",
        ready=WANTED,
    ),
    "etcd is full": Fault(
        Cause.ETCD_FULL,
        [wrote("etcdserver: mvcc: database space exceeded", by="service/<word>", count=40)],
        of="service/<word>",
        ready=WANTED,
    ),
    "load balancer": Fault(
        Cause.LOAD_BALANCER,
        [
            told(
                "SyncLoadBalancerFailed",
                "Error syncing load balancer: failed to ensure load balancer: could not find any suitable subnets for creating the ELB",
                by="<it>",
            )
        ],
    ),
    "clock": Fault(
        Cause.CLOCK_SKEW,
        [
            wrote(
                "RequestTimeTooSkewed: The difference between the request time and the current time is too large."
            )
        ],
        ready=WANTED,
    ),
    "token from the future": Fault(
        Cause.CLOCK_SKEW,
        [wrote("ERROR rejected token: jwt: Token used before issued")],
        ready=WANTED,
    ),
    "open files": Fault(
        Cause.FILE_HANDLES,
        [wrote("http: Accept error: accept tcp [::]:8080: accept4: too many open files; retrying in 1s")],
        ready=WANTED,
    ),
    "threads": Fault(
        Cause.PROCESS_LIMIT,
        [
            wrote(
                "java.lang.OutOfMemoryError: unable to create native thread: possibly out of memory or process/resource limits reached"
            )
        ],
        ready=WANTED,
    ),
    "forks": Fault(
        Cause.PROCESS_LIMIT,
        [
            wrote(
                "runtime: failed to create new OS thread (have 2000 already; errno=11)\nfork/exec /bin/sh: resource temporarily unavailable",
                severity=9,
            )
        ],
        ready=1.0,
    ),
}


@pytest.mark.parametrize("seed", [23, 24])
@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_under_the_pods_is_named(fault: str, seed: int) -> None:
    named(FAULTS[fault], seed)
