from __future__ import annotations

from collections.abc import Callable

import pytest
from flyball.explain.check import check
from flyball.explain.engine import diagnose
from flyball.model.cause import Cause
from flyball.model.signal import Signal
from harness.signals import Names, edge, event, log, names, owned, state, workload

Made = tuple[list[Signal], str]
"""Signals, and the object that is to be blamed."""


def _pod(draw: Names) -> tuple[str, str]:
    it = f"service/{draw.word()}"
    return it, draw.pod(it)


def _failing(reason: str, text: str) -> Callable[[Names], Made]:
    """A pod that is not ready, with one event."""

    def make(draw: Names) -> Made:
        it, pod = _pod(draw)
        message = text.format(word=draw.word(), pod=pod.partition("/")[2])
        return [*workload(it, ready=0.0), *owned(pod, it), event(pod, reason, message)], it

    return make


def _unplaced(clauses: str, **fields: str) -> Callable[[Names], Made]:
    def make(draw: Names) -> Made:
        it, pod = _pod(draw)
        message = f"0/5 nodes are available: {clauses}. preemption: 0/5 nodes are available."
        placed = owned(pod, it, **fields)
        return [*workload(it, ready=0.0), *placed, event(pod, "FailedScheduling", message)], it

    return make


def _probe(field: str, probe: str, message: str) -> Callable[[Names], Made]:
    def make(draw: Names) -> Made:
        it, pod = _pod(draw)
        own = {
            "status__restartCount": 4.0,
            f"container__main__{field}": probe,
            "container__main__containerPort": "8080/TCP",
        }
        return [
            *workload(it, ready=0.0),
            *owned(pod, it, **own),
            event(pod, "Unhealthy", message, count=9),
        ], it

    return make


def _claim(volume: dict[str, str], wish: dict[str, str] | None = None) -> Callable[[Names], Made]:
    def make(draw: Names) -> Made:
        it, pod = _pod(draw)
        claim, held = f"claim/{draw.word()}", f"volume/{draw.word()}"
        fields = [state(held, key, value) for key, value in volume.items()]
        fields += [state(claim, key, value) for key, value in (wish or {}).items()]
        used = state(claim, "usedBy", pod.partition("/")[2])
        pending = state(claim, "status.phase", "Pending")
        return [*workload(it, ready=0.0), *owned(pod, it), pending, used, *fields], it

    return make


def _daemon(name: str) -> Callable[[Names], Made]:
    def make(draw: Names) -> Made:
        node = f"node/{draw.word()}"
        return [
            state(node, f"daemon.{name}", "inactive (dead)"),
            state(f"{node}2", f"daemon.{name}", "active"),
        ], node

    return make


def _service(**fields: str | float) -> Callable[[Names], Made]:
    def make(draw: Names) -> Made:
        it, word = f"service/{draw.word()}", draw.word()
        whole = {
            key.replace("__", "."): v.format(word=word) if isinstance(v, str) else v
            for key, v in fields.items()
        }
        return [*workload(it), *(state(it, key, value) for key, value in whole.items())], it

    return make


SCENES: dict[str, tuple[Callable[[Names], Made], Cause]] = {
    "service account": (
        _failing(
            "FailedCreate",
            'pods "x-" is forbidden: error looking up service account: serviceaccount "{word}" not found',
        ),
        Cause.SERVICE_ACCOUNT_MISSING,
    ),
    "image": (
        _failing(
            "Failed", 'Failed to pull image "r.example/{word}:2": rpc error: code = NotFound desc = not found'
        ),
        Cause.IMAGE_REFERENCE,
    ),
    "registry": (
        _failing(
            "Failed",
            'Failed to pull image "{word}.internal/a:1": failed to resolve reference: dial tcp: lookup {word}.internal: no such host',
        ),
        Cause.IMAGE_REGISTRY_DNS,
    ),
    "pull secret": (
        _failing("Failed", 'Failed to pull image "r.example/{word}:2": unexpected status: 401 Unauthorized'),
        Cause.IMAGE_PULL_SECRET,
    ),
    "secret": (
        _failing("FailedMount", 'MountVolume.SetUp failed: secret "{word}" not found'),
        Cause.SECRET_MISSING,
    ),
    "config map": (_failing("Failed", 'Error: configmap "{word}" not found'), Cause.CONFIG_MISSING),
    "mount": (
        _failing(
            "FailedMount", 'MountVolume.SetUp failed for volume "{word}": mount failed: permission denied'
        ),
        Cause.MOUNT_PERMISSION,
    ),
    "mount fails": (_failing("FailedMount", "MountVolume.MountDevice failed for {word}"), Cause.MOUNT_FAILED),
    "memory": (
        _failing("FailedCreatePodSandBox", "container init was OOM-killed (memory limit too low?)"),
        Cause.OOM_KILLED,
    ),
    "admission": (
        _failing("FailedCreate", 'admission webhook "{word}.example" denied the request'),
        Cause.ADMISSION_DENIED,
    ),
    "command": (
        _failing("Failed", 'exec: "/bin/{word}": stat /bin/{word}: no such file or directory: unknown'),
        Cause.COMMAND_FAILED,
    ),
    "claim missing": (
        _failing("FailedScheduling", 'persistentvolumeclaim "{word}" not found'),
        Cause.CLAIM_UNBOUND,
    ),
    "storage class": (
        _failing("ProvisioningFailed", 'storageclass.storage.k8s.io "{word}" not found'),
        Cause.CLAIM_STORAGE_CLASS,
    ),
    "rollout": (
        _failing("ProgressDeadlineExceeded", "{word} has timed out progressing"),
        Cause.ROLLOUT_STUCK,
    ),
    "cpu": (_unplaced("1 node(s) were unschedulable, 4 Insufficient cpu"), Cause.CPU_CAPACITY),
    "memory on nodes": (
        _unplaced("1 node(s) were unschedulable, 4 Insufficient memory"),
        Cause.MEMORY_CAPACITY,
    ),
    "cordoned": (_unplaced("5 node(s) were unschedulable"), Cause.NODE_CORDONED),
    "taint": (_unplaced("5 node(s) had untolerated taint {{dedicated: gpu}}"), Cause.TAINT_NOT_TOLERATED),
    "anti-affinity": (_unplaced("5 node(s) didn't match pod anti-affinity rules"), Cause.ANTI_AFFINITY),
    "selector": (
        _unplaced("5 node(s) didn't match Pod's node affinity/selector", spec__nodeSelector="disk=fast"),
        Cause.NODE_SELECTOR,
    ),
    "affinity": (
        _unplaced("5 node(s) didn't match Pod's node affinity/selector", spec__nodeSelector=""),
        Cause.NODE_AFFINITY,
    ),
    "liveness port": (
        _probe(
            "livenessProbe",
            "http-get http://:9999/ delay=30s timeout=1s period=10s #success=1 #failure=3",
            "Liveness probe failed: dial tcp 10.2.0.7:9999: connect: connection refused",
        ),
        Cause.LIVENESS_PORT,
    ),
    "liveness protocol": (
        _probe(
            "livenessProbe",
            "http-get http://:8080/ delay=30s timeout=1s period=10s #success=1 #failure=3",
            "Liveness probe failed: net/http: HTTP/1.x transport connection broken: malformed HTTP status code",
        ),
        Cause.LIVENESS_PROTOCOL,
    ),
    "liveness timing": (
        _probe(
            "livenessProbe",
            "http-get http://:8080/ delay=1s timeout=1s period=1s #success=1 #failure=1",
            "Liveness probe failed: context deadline exceeded",
        ),
        Cause.LIVENESS_TIMING,
    ),
    "readiness port": (
        _probe(
            "readinessProbe",
            "tcp-socket :81 delay=30s timeout=1s period=10s #success=1 #failure=3",
            "Readiness probe failed: dial tcp 10.2.0.7:81: connect: connection refused",
        ),
        Cause.READINESS_PORT,
    ),
    "liveness": (
        _probe(
            "livenessProbe",
            "http-get http://:8080/ delay=30s timeout=1s period=10s #success=1 #failure=3",
            "Liveness probe failed: HTTP probe failed with statuscode: 500",
        ),
        Cause.LIVENESS_FAILED,
    ),
    "volume taken": (
        _claim({"status.phase": "Bound", "spec.claimRef": "space/other"}),
        Cause.VOLUME_OCCUPIED,
    ),
    "access mode": (
        _claim({"status.phase": "Available", "spec.accessModes": "RWO"}, {"spec.accessModes": "RWX"}),
        Cause.CLAIM_ACCESS_MODE,
    ),
    "capacity": (
        _claim({"status.phase": "Available", "status.capacity": "1Gi"}, {"spec.capacity": "5Gi"}),
        Cause.CLAIM_CAPACITY,
    ),
    "volume labels": (
        _claim({"status.phase": "Available", "labels": "tier=cold"}),
        Cause.CLAIM_SELECTOR,
    ),
    "kubelet": (_daemon("kubelet"), Cause.KUBELET_DOWN),
    "runtime": (_daemon("containerd"), Cause.RUNTIME_DOWN),
    "proxy": (_daemon("kube-proxy"), Cause.KUBE_PROXY_DOWN),
    "scheduler": (_daemon("kube-scheduler"), Cause.SCHEDULER_DOWN),
    "service selector": (
        _service(service__selector="app={word}", template__labels="app=other", endpoints=""),
        Cause.SERVICE_SELECTOR,
    ),
    "service port": (
        _service(
            service__selector="app=a", service__targetPort="9000/TCP", container__m__containerPort="8000/TCP"
        ),
        Cause.SERVICE_PORT,
    ),
    "service port name": (
        _service(
            service__selector="app=a",
            template__labels="app=a",
            service__targetPort="{word}/TCP",
            endpoints="",
        ),
        Cause.SERVICE_PORT,
    ),
    "service protocol": (
        _service(
            service__port="grpc 8000/UDP",
            service__targetPort="8000/UDP",
            container__m__containerPort="8000/TCP",
        ),
        Cause.SERVICE_PROTOCOL,
    ),
    "scaled to zero": (_service(service__port="http 80/TCP", spec__replicas=0.0), Cause.ZERO_REPLICAS),
}


@pytest.mark.parametrize("seed", [11, 12])
@pytest.mark.parametrize("scene", SCENES)
def test_a_fault_of_kubernetes_is_named(scene: str, seed: int) -> None:
    make, cause = SCENES[scene]
    signals, it = make(names(seed))
    found = diagnose(signals)
    assert (found.cause, found.object) == (cause, it)
    assert found.first_step
    assert check(found) == []


@pytest.mark.parametrize("scene", [s for s in SCENES if SCENES[s][0].__qualname__.startswith("_failing")])
def test_what_is_whole_again_is_no_fault(scene: str) -> None:
    signals, it = SCENES[scene][0](names(5))
    healed = [s for s in signals if s.key != "status.readyReplicas"] + [
        state(it, "status.readyReplicas", 1.0)
    ]
    assert diagnose(healed).inconclusive


def test_a_service_account_that_is_there_by_now_is_not_missing() -> None:
    it, pod = _pod(names(6))
    told = event(pod, "FailedCreate", 'serviceaccount "robot" not found')
    assert diagnose([*workload(it, ready=0.0), told]).cause is Cause.SERVICE_ACCOUNT_MISSING
    assert diagnose(
        [*workload(it, ready=0.0), told, state("serviceaccount/robot", "exists", "true")]
    ).inconclusive


def test_a_pod_that_is_gone_tells_nothing_of_now() -> None:
    draw = names(7)
    it, pod = _pod(draw)
    here = [state(draw.pod(it), "status.phase", "Running") for _ in range(2)]
    assert diagnose([*workload(it, ready=0.0), *here, event(pod, "Failed", "Out of memory")]).inconclusive


def test_a_node_that_the_selector_chose_and_that_is_tainted_is_what_keeps_the_pod_away() -> None:
    it, pod = _pod(names(8))
    text = "0/3 nodes are available: 1 node(s) had untolerated taint {a: b}, 2 node(s) didn't match Pod's node affinity/selector."
    signals = [
        *workload(it, ready=0.0),
        *owned(pod, it, spec__nodeSelector="disk=fast"),
        event(pod, "FailedScheduling", text),
        state("node/one", "labels", "disk=fast,zone=a"),
        state("node/two", "labels", "zone=b"),
    ]
    assert diagnose(signals).cause is Cause.TAINT_NOT_TOLERATED


@pytest.mark.parametrize(
    ("resource", "cause"),
    [
        ("requests.cpu", Cause.QUOTA_CPU),
        ("limits.memory", Cause.QUOTA_MEMORY),
        ("pods", Cause.QUOTA_PODS),
        ("services", Cause.QUOTA_SERVICES),
        ("requests.storage", Cause.QUOTA_STORAGE),
        ("count/secrets", Cause.QUOTA_OTHER),
    ],
)
def test_a_quota_that_refuses_is_the_namespaces(resource: str, cause: Cause) -> None:
    draw = names(9)
    it, pod = _pod(draw)
    space = f"namespace/{draw.word()}"
    text = f'pods "x" is forbidden: exceeded quota: tight, requested: {resource}=2, used: {resource}=9, limited: {resource}=10'
    signals = [
        *workload(it, ready=0.0),
        state("quota/tight", "owner", space),
        event(pod, "FailedCreate", text),
    ]
    found = diagnose(signals)
    assert (found.cause, found.object) == (cause, space)
    assert check(found) == []


def test_a_full_quota_that_nobody_misses_is_no_fault() -> None:
    it = f"service/{names(10).word()}"
    full = [state("quota/q", "status.used.pods", "10"), state("quota/q", "status.hard.pods", "10")]
    assert diagnose([*workload(it), *full]).inconclusive
    assert diagnose([*workload(it, ready=0.0), *full]).cause is Cause.QUOTA_PODS


@pytest.mark.parametrize(
    ("variables", "cause"),
    [
        ({"PEER_ADDR": "{peer}x:80"}, Cause.ENV_ADDRESS),
        ({"PEER_ADDR": "{peer}:81"}, Cause.ENV_ADDRESS),
        ({"PEER_HOST": "{peer}", "PEER_PORT": "81"}, Cause.ENV_ADDRESS),
        ({"{PEER}_ADDR": "{other}:80"}, Cause.MISROUTED),
    ],
)
def test_an_address_is_held_against_the_services_there_are(variables: dict[str, str], cause: Cause) -> None:
    draw = names(13)
    it, peer, other = (f"service/{draw.word()}" for _ in range(3))
    words = {"peer": peer[8:], "PEER": peer[8:].upper(), "other": other[8:]}
    env = [
        state(it, f"container.m.env.{key.format(**words)}", value.format(**words))
        for key, value in variables.items()
    ]
    offered = [state(one, "service.port", "http 80/TCP") for one in (peer, other)]
    found = diagnose([*workload(it), *offered, edge(it, peer), *env])
    assert (found.cause, found.object) == (cause, it)
    right = [state(it, "container.m.env.PEER_ADDR", f"{words['peer']}:80")]
    assert diagnose([*workload(it), *offered, edge(it, peer), *right]).inconclusive


def test_a_policy_that_lets_nothing_out_is_what_keeps_names_from_resolving() -> None:
    draw = names(14)
    it, policy = _pod(draw)[1], f"networkpolicy/{draw.word()}"
    deny = [state(policy, "spec.egress", "[]"), state(policy, "spec.podSelector", "{}")]
    found = diagnose([*deny, log(it, "curl: (6) Could not resolve host: example.org")])
    assert (found.cause, found.object) == (Cause.NETWORK_POLICY, policy)
    allow = [state(policy, "spec.egress", '[{"to": []}]'), state(policy, "spec.podSelector", "{}")]
    assert diagnose(allow).inconclusive


@pytest.mark.parametrize(
    "text", ["java.net.UnknownHostException: tax", "Error: getaddrinfo EAI_AGAIN tax", "ERROR read timed out"]
)
def test_a_policy_that_denies_is_said_by_whoever_waits_in_vain(text: str) -> None:
    draw = names(18)
    it, policy = _pod(draw)[1], f"networkpolicy/{draw.word()}"
    deny = [state(policy, "spec.egress", "[]"), state(policy, "spec.podSelector", "{}")]
    found = diagnose([*deny, log(it, text, severity=17, count=40)])
    assert (found.cause, found.object, found.confidence) == (Cause.NETWORK_POLICY, policy, 0.95)
    assert diagnose(deny).confidence < found.confidence


def test_a_name_in_another_namespace_is_wrong_where_it_alone_does_not_resolve() -> None:
    draw = names(19)
    it, peer, other = (f"service/{draw.word()}" for _ in range(3))
    host = f"{peer[8:]}.staging"
    fields = [state(one, "service.port", "http 80/TCP") for one in (it, peer, other)]
    fields += [state(it, "container.m.env.PEER_URL", f"http://{host}:80")]
    fields += [state(it, "container.m.env.OTHER_URL", f"http://{other[8:]}:80")]
    lost = log(it, f"Error: getaddrinfo ENOTFOUND {host}", severity=17, count=30)
    found = diagnose([*fields, lost])
    assert (found.cause, found.object, check(found)) == (Cause.ENV_ADDRESS, it, [])
    assert diagnose(fields).inconclusive
    for more in (
        log(peer, f"Error: getaddrinfo ENOTFOUND {other[8:]}", severity=17, count=30),
        log(it, f"Error: getaddrinfo ENOTFOUND {other[8:]}", severity=17, count=30),
    ):
        assert diagnose([*fields, lost, more]).cause is Cause.DNS_FAILURE


def test_a_node_that_is_not_ready_is_named_until_it_is_again() -> None:
    node = f"node/{names(15).word()}"
    told = event(node, "NodeNotReady", f"Node {node} status is now: NodeNotReady")
    assert (diagnose([told]).cause, diagnose([told]).object) == (Cause.NODE_NOT_READY, node)
    assert diagnose([told, state(node, "condition.Ready", "True")]).inconclusive


@pytest.mark.parametrize(
    ("key", "value", "cause"),
    [
        ("container.m.lastState.reason", "OOMKilled", Cause.OOM_KILLED),
        ("container.m.state.reason", "CreateContainerConfigError", Cause.SECRET_MISSING),
        ("container.m.state.reason", "ImagePullBackOff", Cause.IMAGE_REFERENCE),
        ("container.m.state.reason", "RunContainerError", Cause.COMMAND_FAILED),
        ("status.reason", "Init:CrashLoopBackOff", Cause.INIT_FAILED),
        ("container.m.state.reason", "CrashLoopBackOff", Cause.CRASH_LOOP),
    ],
)
def test_a_containers_status_tells_what_it_died_of(key: str, value: str, cause: Cause) -> None:
    it, pod = _pod(names(16))
    found = diagnose([*workload(it, ready=0.0), *owned(pod, it), state(pod, key, value)])
    assert (found.cause, found.object) == (cause, it)
