"""The texts of events of pods that are not created or do not start, as controllers, kubelet, containerd and runc write them.

The order does not matter: the heaviest that an event matches decides.
"""

from __future__ import annotations

from flyball.explain.rule import IMPLIES, SAYS, SHOWS
from flyball.explain.rules.text import NAMESPACE, NODE, USER, Text
from flyball.model.cause import Cause

CREATED = (
    Text(
        cause=Cause.SERVICE_ACCOUNT_MISSING,
        pattern=r'service ?accounts? "?([\w.-]+)"? not found',
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
            of=NAMESPACE,
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
        of=NAMESPACE,
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
        of=USER,
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
        pattern=r"(Unable to attach or mount volumes|MountVolume\.\w+ failed|AttachVolume\.\w+ failed)",
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
        pattern=r"(exec: \"[^\"]+\": [^:]+|executable file not found in \$PATH"
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
    Text(
        cause=Cause.ADMISSION_DENIED,
        pattern=r"(?:Pod|pods?) \"[^\"]+\" is (invalid: [^:]{1,80})|no PriorityClass with name ([\w.-]+) was found|RuntimeClass \"?([\w.-]+)\"? not found",
        tells="a pod template that is refused",
        step="Correct in the pod template of {it} what is refused: {told}.",
        weight=SAYS,
    ),
    Text(
        cause=Cause.ADMISSION_UNREACHABLE,
        pattern=r'failed calling webhook ("[\w.-]+")',
        tells="an admission webhook that does not answer",
        step="Bring the service of the webhook {told} back, or let it fail open: without it {it} gets no pods.",
        weight=SAYS,
    ),
    Text(
        cause=Cause.LIMIT_RANGE,
        pattern=r"is forbidden:.*?((?:maximum|minimum) [\w./-]+ usage per \w+ is [^,]+|[\w./-]+ max limit to request"
        r" ratio per \w+ is [^,]+|failed quota: [\w.-]+: must specify \S+)",
        tells="requests or limits that the namespace does not allow",
        step="Declare in {it} requests and limits within the range of its namespace: {told}.",
        weight=SAYS,
    ),
    Text(
        cause=Cause.IMAGE_ABSENT,
        pattern=r"(is not present with pull policy of Never|ErrImageNeverPull)",
        tells="an image that is never pulled",
        step="Let {it} pull its image, or load the image on its node: {told}.",
        weight=SAYS,
    ),
    Text(
        cause=Cause.IMAGE_PLATFORM,
        pattern=r"(no match(?:ing manifest)? for (?:platform|\w+/\w+)[^:]{0,40}|exec format error)",
        tells="an image of another platform",
        step="Build the image of {it} for the platform of its node: {told}.",
        weight=SAYS + 0.01,
    ),
    Text(
        cause=Cause.IMAGE_PULL_LIMIT,
        pattern=r"[Pp]ull.*?(429 Too Many Requests|toomanyrequests)",
        tells="a registry that limits pulls",
        step="Pull the image of {it} with an account, or from a mirror: the pull ended with {told}.",
        weight=SAYS + 0.01,
    ),
    Text(
        cause=Cause.NODE_DISK_PRESSURE,
        pattern=r"[Ff]ailed to pull image.*?(no space left on device)",
        tells="an image for which the node has no space",
        step="Free disk on the node of {it}: the pull ended with {told}.",
        of=NODE,
        weight=SAYS,
    ),
    *(
        Text(
            cause=cause,
            pattern=rf"(Node didn't have enough resource: {resource}|Node didn't have enough capacity: {resource})",
            tells=f"a node that had no {resource} left when the pod came",
            step="Lower the requests of {it}, or add a node: {told}.",
            weight=SAYS,
        )
        for cause, resource in (
            (Cause.CPU_CAPACITY, "cpu"),
            (Cause.MEMORY_CAPACITY, "memory"),
            (Cause.POD_CAPACITY, "pods"),
        )
    ),
    Text(
        cause=Cause.IMAGE_REGISTRY_DOWN,
        pattern=r"[Ff]ailed to pull image.*?(dial tcp \d[\d.:]+: (?:connect: )?(?:connection refused|i/o timeout|no route to host)"
        r"|TLS handshake timeout|50[0234] \w[\w ]{4,24}|Client\.Timeout exceeded|request canceled while waiting)",
        tells="a registry that does not answer",
        step="See whether the registry of {it} answers the node: the pull ended with {told}.",
        weight=SAYS,
    ),
    Text(
        cause=Cause.CERTIFICATE_UNTRUSTED,
        pattern=r"(?:[Pp]ull|webhook|registry).*?(certificate signed by unknown authority|certificate is not trusted)",
        tells="a certificate that is not trusted",
        step="Trust the authority that signed what {it} asks for: {told}.",
        weight=SAYS + 0.01,
    ),
    Text(
        cause=Cause.TLS_MISMATCH,
        pattern=r"[Pp]ull.*?(server gave HTTP response to HTTPS client)",
        tells="a registry without TLS",
        step="Give the registry of {it} TLS, or name it as insecure to the runtime: {told}.",
        weight=SAYS + 0.01,
    ),
    Text(
        cause=Cause.SECURITY_CONTEXT,
        pattern=r"(container has runAsNonRoot and image \w[\w -]+|container's runAsUser breaks non-root policy"
        r"|forbidden sysctl: \"[\w./-]+\"|[Ss]eccomp profile[^:]{0,60}not found|[Aa]pp[Aa]rmor profile[^:]{0,80}not (?:loaded|found))",
        tells="a security context that is refused",
        step="Give {it} a user, profile or setting that its node allows: {told}.",
        weight=SAYS,
    ),
    Text(
        cause=Cause.SECRET_MISSING,
        pattern=r"references non-existent secret key: (\S+)",
        tells="a key that its secret lacks",
        step="Add the key {told} to the secret that {it} mounts, or correct the reference.",
        weight=SAYS,
    ),
    Text(
        cause=Cause.CONFIG_MISSING,
        pattern=r"references non-existent config key: (\S+)",
        tells="a key that its config map lacks",
        step="Add the key {told} to the config map that {it} mounts, or correct the reference.",
        weight=SAYS,
    ),
    Text(
        cause=Cause.MOUNT_PERMISSION,
        pattern=r"(access denied by server while mounting)",
        tells="a volume that may not be mounted",
        step="Export the volume to the node of {it}: {told}.",
        weight=SAYS,
    ),
    Text(
        cause=Cause.MOUNT_FAILED,
        pattern=r"(failed to (?:prepare|create) subPath|Are you trying to mount a directory onto a file|hostPath type check failed"
        r"|wrong fs type, bad option|special device \S+ does not exist|error mounting \"[^\"]+\" to rootfs)",
        tells="a mount that does not fit",
        step="Correct path or type of the volume that {it} mounts: {told}.",
        weight=SAYS + 0.01,
    ),
    Text(
        cause=Cause.VOLUME_ELSEWHERE,
        pattern=r"(Multi-Attach error for volume \"[^\"]+\"|VolumeInUse|already (?:attached to|used by|in use by) (?:an|another) (?:instance|node|VM))",
        tells="a volume that another node holds",
        step="End the pod that still holds the volume on another node, or let {it} replace its pods one after the other: {told}.",
        weight=SAYS,
    ),
    Text(
        cause=Cause.STORAGE_DRIVER,
        pattern=r"(driver name \S+ not found in the list of registered CSI drivers|CSINode \S+ does not contain driver \S+"
        r"|no volume plugin matched)",
        tells="a storage driver that the node lacks",
        step="Bring the storage driver to the node of {it}: {told}.",
        weight=SAYS,
    ),
    Text(
        cause=Cause.PROVISIONING_FAILED,
        pattern=r"(failed to provision volume with StorageClass \"[^\"]+\": .{0,120})",
        tells="a volume that cannot be provisioned",
        step="Read what the storage answered to the claim of {it}: {told}.",
        of=USER,
        weight=SAYS,
    ),
    Text(
        cause=Cause.COMMAND_FAILED,
        pattern=r"(PostStartHook failed|Exec lifecycle hook .{0,80}failed|FailedPostStartHook|no command specified|chdir to cwd \(\"[^\"]+\"\))",
        tells="a hook or a command that fails",
        step="Correct the command of {it}: {told}.",
        weight=SAYS,
    ),
)
