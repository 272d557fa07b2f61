"""Whose a record is, as signals name it: `kind/name` from what OpenTelemetry and Kubernetes say."""

from __future__ import annotations

from collections.abc import Mapping

_DATABASE_SYSTEMS = ("db.system.name", "db.system")
"""A resource that has one is a database itself."""
_DATABASE_NAMES = ("db.namespace", "postgresql.database.name", "mysql.instance.endpoint", "db.name")
"""What databases are called: by the conventions, by the Collector's receivers, by older conventions."""
_PEER_SERVICES = ("service.peer.name", "peer.service")
_PEER_ADDRESSES = ("server.address", "net.peer.name")
PEER_ATTRIBUTES = (*_DATABASE_SYSTEMS, *_DATABASE_NAMES, *_PEER_SERVICES, *_PEER_ADDRESSES)
"""What of a client's span tells whom it asks."""

_KINDS = {
    "deployment": "service",
    "statefulset": "service",
    "daemonset": "service",
    "job": "service",
    "endpoints": "service",
    "persistentvolumeclaim": "claim",
    "persistentvolume": "volume",
    "resourcequota": "quota",
    "horizontalpodautoscaler": "autoscaler",
}
"""Kinds of Kubernetes that are called otherwise: a workload and the Service before it are one `service`."""


def service(name: str) -> str:
    """A service."""
    return f"service/{name}"


def of_kind(kind: str, name: str) -> str:
    """An object of Kubernetes by its kind, in whatever case."""
    lower = kind.lower()
    return f"{_KINDS.get(lower, lower)}/{name}"


def of_resource(attributes: Mapping[str, str], service_name: str) -> str:
    """What a resource describes: a database, a service, else a pod or a node."""
    known = _first(attributes, _DATABASE_NAMES)
    if known and (_first(attributes, _DATABASE_SYSTEMS) or not attributes.get("service.name")):
        return f"database/{known}"
    for key, kind in (("service.name", "service"), ("k8s.pod.name", "pod"), ("k8s.node.name", "node")):
        if attributes.get(key):
            return f"{kind}/{attributes[key]}"
    return service(service_name)


def of_peer(attributes: Mapping[str, str]) -> str:
    """Whom a client's span asks; empty when it does not tell."""
    database = _first(attributes, ("db.namespace", "db.name"))
    if database:
        return f"database/{database}"
    peer = _first(attributes, _PEER_SERVICES) or _host(_first(attributes, _PEER_ADDRESSES))
    if not peer:
        return ""
    return f"database/{peer}" if _first(attributes, _DATABASE_SYSTEMS) else service(peer)


def _host(address: str) -> str:
    """The Service that an address inside a cluster names; any other address as it is."""
    name, space, rest = (*address.split(".", 2), "", "")[:3]
    return name if space and (rest == "svc" or rest.startswith("svc.")) else address


def _first(attributes: Mapping[str, str], keys: tuple[str, ...]) -> str:
    return next((attributes[key] for key in keys if attributes.get(key)), "")
