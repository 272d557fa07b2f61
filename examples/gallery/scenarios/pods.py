"""What several scenarios need: a rollout, containers that wait or crash, a service without ready pods."""

from __future__ import annotations

import copy
from typing import Any

from flyball.model.cause import Cause
from gallery.stream import FAILING_S, Expected, Stage
from gallery.system import Service, pod_names, token


def of(service: Service, pods: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The objects by which a service may be named."""
    return f"service/{service.name}", *(f"pod/{pod}" for pod in (*service.pods, *pods))


def expect(service: Service, *causes: Cause, step: str, pods: tuple[str, ...] = ()) -> Expected:
    """One of the causes, of a service or its pods, with these words (`a|b` or, spaces part them)."""
    return Expected(causes=causes, objects=of(service, pods), step=tuple(step.split()))


def rollout(stage: Stage, service: Service, *, kind: str = "deploy") -> tuple[tuple[str, ...], bool]:
    """New pods of a service shortly before the onset, and whether they replace all old ones at once.

    A rolling update brings one new pod first and leaves the old ones until it is ready; `Recreate` takes them away.
    """
    draw, objects = stage.draw, stage.objects
    at = -draw.uniform(2.0, 20.0)
    version = stage.change(at, service.name, kind=kind)
    if kind != "deploy":
        stage.versions.pop(service.name, None)
    replica_set = f"{service.name}-{token(draw, 9)}"
    recreate = draw.random() < 0.5
    pods = pod_names(draw, replica_set, len(service.pods) if recreate else 1)
    if not recreate:
        stage.versions.pop(service.name, None)  # the old version goes on answering
    for pod in pods:
        new = copy.deepcopy(objects["pods", service.pods[0]])
        new["metadata"]["name"] = pod
        new["metadata"]["ownerReferences"][0]["name"] = replica_set
        new["spec"]["nodeName"] = draw.choice(stage.system.nodes)
        objects["pods", pod] = new
        image = objects.container("pods", pod)
        if kind == "deploy":
            image["image"] = image["image"].rpartition(":")[0] + f":{version}"
        _scheduled(stage, pod, new["spec"]["nodeName"], at)
    copied = copy.deepcopy(objects["replicasets", service.replica_set])
    copied["metadata"]["name"] = replica_set
    copied["spec"]["replicas"] = len(pods)
    copied["status"] = {"replicas": len(pods), "readyReplicas": 0}
    objects["replicasets", replica_set] = copied
    if kind == "deploy":
        image = objects.container("deployments", service.name)
        image["image"] = image["image"].rpartition(":")[0] + f":{version}"
    said = f"Scaled up replica set {replica_set} from 0 to {len(pods)}"
    stage.event(at, "Deployment", service.name, "ScalingReplicaSet", said, normal=True)
    if recreate:
        for pod in service.pods:
            del objects["pods", pod]
        said = f"Scaled down replica set {service.replica_set} from {len(service.pods)} to 0"
        stage.event(at - 1, "Deployment", service.name, "ScalingReplicaSet", said, normal=True)
    return pods, recreate


def _scheduled(stage: Stage, pod: str, node: str, at: float) -> None:
    said = f"Successfully assigned {stage.system.namespace}/{pod} to {node}"
    stage.event(at + 0.2, "Pod", pod, "Scheduled", said, normal=True)


def waiting(stage: Stage, pods: tuple[str, ...], reason: str, message: str) -> None:
    """Containers that never started."""
    for pod in pods:
        status = stage.objects.status(pod)
        status.update(ready=False, state={"waiting": {"reason": reason, "message": message}})
        stage.objects["pods", pod]["status"]["phase"] = "Pending"


def crashing(
    stage: Stage, service: Service, pods: tuple[str, ...], *, code: int, reason: str = "Error", said: str = ""
) -> int:
    """Containers that start and end again and again; returns how often each did."""
    restarts = stage.draw.randint(3, 7)
    for pod in pods:
        message = (
            f"back-off 1m20s restarting failed container={service.name} pod={pod}_{stage.system.namespace}"
        )
        stage.objects.status(pod).update(
            ready=False,
            restartCount=restarts,
            state={"waiting": {"reason": "CrashLoopBackOff", "message": message}},
            lastState={"terminated": {"reason": reason, "exitCode": code}},
        )
        for number in range(restarts):
            at = stage.soon(1, 6) + number * (FAILING_S - 20) / restarts
            stage.event(at, "Pod", pod, "Started", f"Started container {service.name}", normal=True)
            if said:
                stage.log(at + stage.draw.uniform(0.3, 2), service.name, said, pod=pod)
        text = f"Back-off restarting failed container {service.name} in pod {pod}_{stage.system.namespace}"
        stage.event(stage.soon(40, 200), "Pod", pod, "BackOff", text, count=stage.draw.randint(4, 20))
    return restarts


def gone(stage: Stage, service: Service, *, how: str = "refused", lost: bool = True) -> None:
    """No pod of a service is ready: no endpoints, nobody is answered."""
    status = stage.objects["deployments", service.name]["status"]
    status.update(readyReplicas=0, availableReplicas=0)
    status["conditions"] = [{"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable"}]
    stage.objects["endpoints", service.name]["subsets"] = []
    if lost:
        stage.lost(service, how)


def settle(stage: Stage, service: Service, *, recreate: bool, **how: Any) -> None:
    """What the rollout left: nobody when it replaced all, else the old pods and a rollout that does not go on."""
    if recreate:
        gone(stage, service, **how)
    else:
        stage.objects["deployments", service.name]["status"].update(updatedReplicas=1)
