"""Objects of Kubernetes as its API gives them, in the parts that matter here."""

from __future__ import annotations

from random import Random
from typing import Any

from gallery.system import Service, System

Manifest = dict[str, Any]


class Manifests(dict[tuple[str, str], Manifest]):
    """Objects by resource (plural) and name."""

    def container(self, resource: str, name: str) -> Manifest:
        """The first container of a pod, or of a deployment's template."""
        spec = self[resource, name]["spec"]
        return (spec["template"]["spec"] if resource == "deployments" else spec)["containers"][0]

    def status(self, pod: str) -> Manifest:
        """The status of a pod's first container."""
        return self["pods", pod]["status"]["containerStatuses"][0]


def manifests(draw: Random, system: System) -> Manifests:
    """Everything that runs, healthy."""
    found = Manifests()
    for node in system.nodes:
        found["nodes", node] = _node(node)
    for service in system.services.values():
        ips = {
            pod: f"10.{draw.randint(2, 9)}.{draw.randint(0, 250)}.{draw.randint(2, 250)}"
            for pod in service.pods
        }
        container = _container(system, service)
        found["deployments", service.name] = _deployment(system, service, container)
        found["replicasets", service.replica_set] = _replica_set(system, service)
        found["services", service.name] = _service(system, service)
        found["endpoints", service.name] = _endpoints(system, service, list(ips.values()))
        for pod, node in zip(service.pods, service.nodes, strict=True):
            found["pods", pod] = pod_manifest(system, service, pod, service.replica_set, node, ips[pod])
    return found


def meta(system: System, name: str, **more: Any) -> Manifest:
    """The metadata of an object in the system's namespace."""
    return {"name": name, "namespace": system.namespace, **more}


def pod_manifest(
    system: System, service: Service, pod: str, replica_set: str, node: str, ip: str
) -> Manifest:
    """A running pod."""
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": replica_set, "controller": True}
    status = {
        "name": service.name,
        "ready": True,
        "restartCount": 0,
        "state": {"running": {}},
        "lastState": {},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta(system, pod, labels={"app": service.name}, ownerReferences=[owner]),
        "spec": {
            "nodeName": node,
            "containers": [_container(system, service)],
            "serviceAccountName": "default",
        },
        "status": {"phase": "Running", "podIP": ip, "containerStatuses": [status]},
    }


def _container(system: System, service: Service) -> Manifest:
    env = [{"name": "LOG_LEVEL", "value": "info"}, {"name": "PORT", "value": str(service.port)}]
    for called in service.calls:
        address = f"http://{called}:{system.services[called].port}"
        env.append({"name": f"{called.upper().replace('-', '_')}_URL", "value": address})
    probe = {"periodSeconds": 10, "timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3}
    get = {"path": "/healthz", "port": service.port, "scheme": "HTTP"}
    return {
        "name": service.name,
        "image": f"{system.registry}/{service.name}:{service.version}",
        "ports": [{"containerPort": service.port, "protocol": "TCP"}],
        "env": env,
        "resources": {
            "requests": {"cpu": "100m", "memory": f"{service.memory_mi // 2}Mi"},
            "limits": {"cpu": "500m", "memory": f"{service.memory_mi}Mi"},
        },
        "livenessProbe": {"httpGet": dict(get), "initialDelaySeconds": 10, **probe},
        "readinessProbe": {"httpGet": dict(get), "initialDelaySeconds": 2, **probe},
    }


def _deployment(system: System, service: Service, container: Manifest) -> Manifest:
    count = len(service.pods)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta(system, service.name, labels={"app": service.name}),
        "spec": {
            "replicas": count,
            "selector": {"matchLabels": {"app": service.name}},
            "template": {"metadata": {"labels": {"app": service.name}}, "spec": {"containers": [container]}},
        },
        "status": {
            "replicas": count,
            "updatedReplicas": count,
            "readyReplicas": count,
            "availableReplicas": count,
            "conditions": [{"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}],
        },
    }


def _replica_set(system: System, service: Service) -> Manifest:
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": service.name, "controller": True}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": meta(system, service.replica_set, ownerReferences=[owner]),
        "spec": {"replicas": len(service.pods)},
        "status": {"replicas": len(service.pods), "readyReplicas": len(service.pods)},
    }


def _service(system: System, service: Service) -> Manifest:
    port = {"port": service.port, "protocol": "TCP", "targetPort": service.port}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta(system, service.name),
        "spec": {"type": "ClusterIP", "selector": {"app": service.name}, "ports": [port]},
    }


def _endpoints(system: System, service: Service, ips: list[str]) -> Manifest:
    subset = {"addresses": [{"ip": ip} for ip in ips], "ports": [{"port": service.port, "protocol": "TCP"}]}
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": meta(system, service.name),
        "subsets": [subset],
    }


def _node(name: str) -> Manifest:
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
    pressure = {"type": "DiskPressure", "status": "False", "reason": "KubeletHasNoDiskPressure"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}},
        "spec": {},
        "status": {"conditions": [ready, pressure], "capacity": {"cpu": "4", "memory": "16Gi"}},
    }
