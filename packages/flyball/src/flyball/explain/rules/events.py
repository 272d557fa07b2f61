"""What Kubernetes says of itself: events with a reason and a message that name what is wrong.

Only warnings that still matter are read: an event of a pod that is gone, or of a service whose replicas are all
ready and were never restarted, is history (every start writes some).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from flyball.explain.facts import Facts
from flyball.explain.rule import IMPLIES, SAYS, SHOWS, Match, Rule, name, quote, say
from flyball.explain.rules.objects import open_events
from flyball.explain.rules.text import Text
from flyball.model.cause import Cause
from flyball.model.signal import Signal, Surface

_TEXTS = (
    Text(
        cause=Cause.SERVICE_ACCOUNT_MISSING,
        pattern=r'service ?account "?([\w.-]+)"? not found',
        tells="a service account that does not exist",
        step="Create the service account {told}, or correct the name in the pod template of {it}.",
        exists="serviceaccount",
        weight=SAYS,
    ),
    *(
        Text(
            cause=cause,
            pattern=rf"exceeded quota: ([\w.-]+), requested: (?:limits\.|requests\.|count/)?{resource}\b",
            tells=f"a namespace quota on {words}",
            step="Raise the quota {told}, or ask for less in {it}.",
            of_namespace=True,
            weight=SAYS,
        )
        for cause, resource, words in (
            (Cause.QUOTA_CPU, "cpu", "CPU"),
            (Cause.QUOTA_MEMORY, "memory", "memory"),
            (Cause.QUOTA_PODS, "pods", "pods"),
            (Cause.QUOTA_SERVICES, "services", "services"),
            (Cause.QUOTA_STORAGE, r"(?:storage|persistentvolumeclaims|ephemeral-storage)", "storage"),
        )
    ),
    Text(
        cause=Cause.QUOTA_OTHER,
        pattern=r"exceeded quota: ([\w.-]+)",
        tells="a namespace quota",
        step="Raise the quota {told}, or ask for less in {it}.",
        of_namespace=True,
        weight=SHOWS,
    ),
    Text(
        cause=Cause.ADMISSION_DENIED,
        pattern=r"admission webhook (\"[\w.-]+\") denied|violates PodSecurity (\"[\w.:-]+\")",
        tells="an admission that was denied",
        step="Change {it} to what the policy {told} allows.",
        weight=SAYS,
    ),
    Text(
        cause=Cause.IMAGE_REGISTRY_DNS,
        pattern=r"(?:pull|resolve).*?dial tcp: lookup ([\w.-]+).*?(?:no such host|server misbehaving|i/o timeout)",
        tells="an image registry whose name does not resolve",
        step="Correct the registry {told} in the image of {it}, or the DNS that the node asks.",
        weight=SAYS,
    ),
    Text(
        cause=Cause.IMAGE_PULL_SECRET,
        pattern=r"[Ff]ailed to pull.*?(401 Unauthorized|403 Forbidden|[Uu]nauthorized|authentication required"
        r"|access denied|insufficient_scope|failed to fetch anonymous token|no basic auth credentials"
        r"|authorization failed)",
        tells="an image pull that was not authorised",
        step="Give {it} a pull secret for its registry: the pull ended with {told}.",
        weight=SAYS,
    ),
    Text(
        cause=Cause.IMAGE_REFERENCE,
        pattern=r"[Ff]ailed to pull image \"([^\"]+)\".*?(?:not found|NotFound|manifest unknown|does not exist"
        r"|invalid reference|no such manifest)|(?:InvalidImageName|couldn't parse image)[^\"]*\"([^\"]+)\"",
        tells="an image that does not exist",
        step="Correct the image {told} of {it}, or push it.",
        weight=SAYS,
    ),
    Text(
        cause=Cause.IMAGE_REFERENCE,
        pattern=r"(ErrImagePull|ImagePullBackOff|Back-off pulling image)",
        tells="an image that cannot be pulled",
        step="Read why the image of {it} cannot be pulled: {told}.",
        weight=IMPLIES,
    ),
    Text(
        cause=Cause.SECRET_MISSING,
        pattern=r'secrets? "([\w.-]+)" not found|couldn\'t find key ([\w.-]+) in Secret',
        tells="a secret that does not exist",
        step="Create the secret {told} that {it} refers to, or correct the reference.",
        weight=SAYS,
    ),
    Text(
        cause=Cause.CONFIG_MISSING,
        pattern=r'configmaps? "([\w.-]+)" not found|couldn\'t find key ([\w.-]+) in ConfigMap',
        tells="a config map that does not exist",
        step="Create the config map {told} that {it} refers to, or correct the reference.",
        weight=SAYS,
    ),
    Text(
        cause=Cause.CLAIM_STORAGE_CLASS,
        pattern=r'storageclass(?:\.storage\.k8s\.io)? "([\w.-]+)" not found',
        tells="a storage class that does not exist",
        step="Create the storage class {told}, or correct it in the claim.",
        weight=SAYS,
    ),
    Text(
        cause=Cause.CLAIM_UNBOUND,
        pattern=r'persistentvolumeclaim "([\w.-]+)" not found',
        tells="a volume claim that does not exist",
        step="Create the claim {told} that {it} refers to, or correct the reference.",
        weight=SHOWS,
    ),
    Text(
        cause=Cause.MOUNT_PERMISSION,
        pattern=r"MountVolume.*?([Pp]ermission denied)",
        tells="a volume that may not be mounted",
        step="Correct owner and mode of the volume that {it} mounts: {told}.",
        weight=SAYS,
    ),
    Text(
        cause=Cause.MOUNT_FAILED,
        pattern=r"(Unable to attach or mount volumes|MountVolume\.\w+ failed|Multi-Attach error)",
        tells="a volume that cannot be mounted",
        step="Read why the volume of {it} cannot be mounted: {told}.",
        weight=IMPLIES,
    ),
    Text(
        cause=Cause.OOM_KILLED,
        pattern=r"(OOM-?[Kk]ill\w*|[Oo]ut of memory|Memory cgroup out of memory)",
        tells="a container killed for lack of memory",
        step="Raise the memory limit of {it} or find what it holds: {told}.",
        weight=SAYS,
    ),
    Text(
        cause=Cause.COMMAND_FAILED,
        pattern=r"(exec: \"[^\"]+\": [^:]+|executable file not found in \$PATH|exec format error"
        r"|no such file or directory: unknown)",
        reasons=("Failed", "BackOff", "FailedPostStartHook"),
        tells="a command that cannot be run",
        step="Correct the command of {it}: {told}.",
        weight=SAYS,
    ),
    Text(
        cause=Cause.ROLLOUT_STUCK,
        pattern=r"(ProgressDeadlineExceeded|has timed out progressing|exceeded its progress deadline)",
        tells="a rollout that does not progress",
        step="Roll {it} back, then read why its new pods are not ready: {told}.",
        weight=IMPLIES,
    ),
)


def _find(text: Text, facts: Facts) -> Iterator[Match]:
    by_object: dict[str, list[tuple[Signal, str]]] = {}
    for event in open_events(facts):
        told = text.told(f"{event.key}: {event.value}")
        if told and (not text.reasons or event.key in text.reasons):
            if facts.state(f"{text.exists}/{told}", "exists"):
                continue  # what was missing is there by now
            by_object.setdefault(_object(text, facts, event), []).append((event, told))
    for it, seen in by_object.items():
        shown = facts.exhibit(*(event for event, _ in seen))
        event, told = seen[0]
        said = say(
            f"{name(event.entity)} has the event {quote(event.key)}: {quote(str(event.value))}.", shown
        )
        step = say(
            text.step.format(told=quote(told), it=name(facts.owner(event.entity))),
            shown,
            *facts.ownership(event.entity),
        )
        yield Match(cause=text.cause, object=it, weight=text.weight, said=(said,), step=step)


def _object(text: Text, facts: Facts, event: Signal) -> str:
    owner = facts.owner(event.entity)
    return _namespace(facts, owner) if text.of_namespace else owner


def _namespace(facts: Facts, owner: str) -> str:
    """The namespace that the quotas belong to; where none was read, whose pod it is."""
    spaces = [str(s.value) for s in facts.states("quota", "owner")] or facts.entities("namespace")
    return spaces[0] if spaces else owner


RULES = tuple(
    Rule(causes=(text.cause,), surfaces=(Surface.EVENT,), tells=text.tells, find=partial(_find, text))
    for text in _TEXTS
)
