"""What a call would do to the world: acts with their objects, found by reading the call, not by matching its text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

NO_ATTRIBUTES: Mapping[str, Any] = MappingProxyType({})

# Every act there is, and what it means. A rule names acts of this table; docs/reference is made from it.
ACTS: Mapping[str, str] = MappingProxyType(
    {
        "file.delete": "removes files or directories",
        "file.overwrite": "replaces the contents of a file that may exist, or empties it",
        "file.write": "writes a file",
        "file.permission": "changes mode, owner or attributes of files",
        "file.read": "reads a file",
        "disk.write": "writes to a block device, makes a file system or a partition table",
        "git.rewrite": "replaces history that others may have (forced push, filter-branch)",
        "git.delete": "deletes a branch, tag, stash or reflog",
        "git.discard": "throws away changes that are committed nowhere",
        "git.push": "sends commits to a remote",
        "iac.apply": "changes infrastructure by code",
        "iac.destroy": "destroys infrastructure by code",
        "iac.state": "edits the recorded state of infrastructure",
        "cloud.create": "creates resources at a cloud provider",
        "cloud.change": "changes resources at a cloud provider",
        "cloud.delete": "deletes resources at a cloud provider",
        "kubernetes.apply": "creates or changes objects in a cluster",
        "kubernetes.delete": "deletes objects in a cluster, drains or evicts",
        "kubernetes.exec": "runs something inside a cluster",
        "container.delete": "deletes containers, images or volumes",
        "container.escape": "starts a container that can reach the host",
        "service.delete": "deletes data or settings of a service (queue, index, bucket, backup, pipeline)",
        "service.change": "changes settings of a service that others depend on",
        "sql.ddl": "drops, truncates or alters what a database is made of",
        "sql.mass_write": "updates or deletes rows without a condition that limits them",
        "sql.write": "inserts, updates or deletes rows",
        "sql.grant": "changes who may do what in a database",
        "sql.execute": "makes the database server run a program or touch its files",
        "secret.read": "reads credentials, keys or tokens",
        "secret.change": "creates, changes or reveals stored secrets",
        "net.egress": "sends data to another host",
        "net.fetch": "fetches something from another host",
        "net.internal": "asks an address inside: loopback, link-local, cloud metadata",
        "net.listen": "opens a port, a tunnel or a relay",
        "net.reverse_shell": "connects a shell to another host",
        "net.sniff": "records or redirects network traffic",
        "exec.remote_code": "runs code that was just fetched from elsewhere",
        "exec.opaque": "runs something that cannot be known before it runs",
        "exec.shell": "starts a shell by way of a program that is not one",
        "exec.load": "loads code into another program",
        "privilege.escalate": "acquires or hands out the rights of another user",
        "process.kill": "ends processes of others",
        "system.stop": "stops the machine or a service of it",
        "system.persist": "leaves something behind that runs later or lets someone in",
        "system.account": "creates, changes or deletes users and groups",
        "system.defense": "switches off protection, logging or history",
        "system.kernel": "loads or changes what runs in the kernel",
        "system.exhaust": "uses up the machine",
        "package.publish": "publishes a package or an image",
        "package.install": "installs software",
        "money.transfer": "moves or commits money",
        "message.send": "sends a message to people",
        "record.change": "changes a record in some application",
        "record.delete": "deletes a record in some application",
        "access.grant": "lets someone in: shares, invites, changes a password",
        "mcp.sampling": "is a tool server that asks the agent's model to write something",
        "mcp.elicitation": "is a tool server that asks the user for something",
        "text.injection": "holds text that gives orders to a model",
        "text.jailbreak": "holds text that talks a model out of its rules",
        "text.pii": "holds personal data",
        "text.secret": "holds a credential",
        "taint.flow": "carries data from an untrusted or secret source into an act",
        "loop.repeat": "is the same call again and again",
        "call.unread": "could not be read whole: too large, too deep or broken",
        "guard.tamper": "would switch off, blind or bypass the guard",
        "guard.canary": "is the guard's own trial call",
    }
)


@dataclass(frozen=True, slots=True)
class Target:
    """What an act is aimed at: which environment, and how that is known.

    `environment` is `production`, `staging`, `development` or `unknown`; `name` is what was read (a workspace, context,
    profile, host, branch); `source` is where it was read (`-chdir`, `TF_WORKSPACE`, `~/.kube/config`).
    """

    environment: str = "unknown"
    name: str = ""
    source: str = ""

    @property
    def counts_as(self) -> str:
        """The environment that rules see: one that is not known counts as production."""
        return "production" if self.environment == "unknown" else self.environment


class Effect(NamedTuple):
    """One act of a call.

    `what` is its object (path, ref, host, resource); `span` are byte offsets in the text it was found in, `found_in`
    is the path of that text in the tool's input; `via` is how it was reached, outermost first (`("sudo", "bash -c")`).
    `attributes` hold what rules ask for: `scope` (root, system, home, project, temporary, outside, unknown),
    `recursive`, `force`, `count`, `rows`, `host`, `amount`, `resource`, ...
    """

    act: str
    what: str = ""
    attributes: Mapping[str, Any] = NO_ATTRIBUTES
    target: Target | None = None
    span: tuple[int, int] = (0, 0)
    found_in: str = ""
    via: tuple[str, ...] = ()
    confidence: float = 1.0

    def get(self, name: str) -> Any:
        """The value a rule's condition asks for by name; None where the effect does not have it."""
        found = self.attributes.get(name)
        return found if found is not None or name not in _OF_EFFECT else _OF_EFFECT[name](self)


_OF_EFFECT: Mapping[str, Callable[[Effect], Any]] = MappingProxyType(
    {
        "what": lambda effect: effect.what,
        "act": lambda effect: effect.act,
        "target": lambda effect: effect.target.counts_as if effect.target else None,
        "target.name": lambda effect: effect.target.name if effect.target else None,
        "via": lambda effect: effect.via,
        "confidence": lambda effect: effect.confidence,
    }
)
