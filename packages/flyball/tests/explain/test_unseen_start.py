"""Pods that do not start: faults of Kubernetes' own documentation, in its own texts."""

from __future__ import annotations

import pytest
from flyball.model.cause import Cause
from harness.unseen import Fault, has, named, told, wrote

_OCI = "Error: failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
_CONFIG_ERROR = has("container.main.state.reason", "CreateContainerConfigError")
_PENDING = has("status.phase", "Pending")

FAULTS = {
    # images
    "never pulled and absent": Fault(
        Cause.IMAGE_ABSENT,
        [
            told(
                "ErrImageNeverPull",
                'Container image "r.example/<word>:3" is not present with pull policy of Never',
            ),
            told("Failed", "Error: ErrImageNeverPull"),
            has("container.main.state.reason", "ErrImageNeverPull"),
        ],
    ),
    "no match for platform": Fault(
        Cause.IMAGE_PLATFORM,
        [
            told(
                "Failed",
                'Failed to pull image "r.example/<word>:3": rpc error: code = NotFound desc = failed to pull and unpack image'
                ' "r.example/<word>:3": no match for platform in manifest: not found',
            ),
            told("Failed", "Error: ErrImagePull"),
            has("status.reason", "ImagePullBackOff"),
        ],
    ),
    "exec format error": Fault(
        Cause.IMAGE_PLATFORM,
        [
            wrote("exec /usr/local/bin/<word>: exec format error", severity=9, count=5),
            told("BackOff", "Back-off restarting failed container main in pod <pod.name>_<space>(1f2)"),
            has("status.reason", "CrashLoopBackOff"),
            has("status.restartCount", 6.0),
        ],
    ),
    "pull rate limit": Fault(
        Cause.IMAGE_PULL_LIMIT,
        [
            told(
                "Failed",
                'Failed to pull image "<word>:7": rpc error: code = Unknown desc = failed to pull and unpack image: failed to copy:'
                " httpReadSeeker: failed open: unexpected status code 429 Too Many Requests: toomanyrequests: You have reached your"
                " pull rate limit.",
            ),
            has("status.reason", "ImagePullBackOff"),
        ],
    ),
    "registry does not answer": Fault(
        Cause.IMAGE_REGISTRY_DOWN,
        [
            told(
                "Failed",
                'Failed to pull image "r.example:5000/<word>:7": rpc error: code = Unknown desc = failed to resolve reference:'
                ' failed to do request: Head "https://r.example:5000/v2/<word>/manifests/7": dial tcp 10.9.0.4:5000: connect:'
                " connection refused",
            ),
            has("status.reason", "ErrImagePull"),
        ],
    ),
    "registry with a private authority": Fault(
        Cause.CERTIFICATE_UNTRUSTED,
        [
            told(
                "Failed",
                'Failed to pull image "r.example/<word>:7": failed to do request: Head "https://r.example/v2/<word>/manifests/7":'
                " tls: failed to verify certificate: x509: certificate signed by unknown authority",
            ),
            has("status.reason", "ErrImagePull"),
        ],
    ),
    "invalid image name": Fault(
        Cause.IMAGE_REFERENCE,
        [
            told(
                "InspectFailed",
                'Failed to apply default image tag "R.example/<word>:3": couldn\'t parse image name "R.example/<word>:3": invalid'
                " reference format: repository name must be lowercase",
            ),
            has("status.reason", "InvalidImageName"),
        ],
    ),
    # what the container is made of
    "executable not found": Fault(
        Cause.COMMAND_FAILED,
        [
            told(
                "Failed",
                _OCI
                + 'unable to start container process: exec: "<word>": executable file not found in $PATH: unknown',
            ),
            has("container.main.lastState.reason", "StartError"),
            has("status.reason", "RunContainerError"),
        ],
    ),
    "not executable": Fault(
        Cause.COMMAND_FAILED,
        [
            told(
                "Failed",
                _OCI
                + 'unable to start container process: exec: "/app/<word>.sh": permission denied: unknown',
            ),
            has("status.reason", "CrashLoopBackOff"),
        ],
    ),
    "working directory": Fault(
        Cause.COMMAND_FAILED,
        [
            told(
                "Failed",
                _OCI
                + 'unable to start container process: chdir to cwd ("/srv/<word>") set in config.json failed: no such file or directory: unknown',
            ),
            has("status.reason", "RunContainerError"),
        ],
    ),
    "hook after start": Fault(
        Cause.COMMAND_FAILED,
        [
            told("FailedPostStartHook", "PostStartHook failed"),
            told("Killing", "FailedPostStartHook", kind="Normal"),
            has("status.reason", "CrashLoopBackOff"),
            has("status.restartCount", 4.0),
        ],
    ),
    "must not run as root": Fault(
        Cause.SECURITY_CONTEXT,
        [
            told(
                "Failed",
                'Error: container has runAsNonRoot and image will run as root (pod: "<pod.name>_<space>(1f2)", container: main)',
            ),
            _CONFIG_ERROR,
        ],
    ),
    "user that has no number": Fault(
        Cause.SECURITY_CONTEXT,
        [
            told(
                "Failed",
                "Error: container has runAsNonRoot and image has non-numeric user (<word>), cannot verify user is non-root",
            ),
            _CONFIG_ERROR,
        ],
    ),
    "sysctl not allowed": Fault(
        Cause.SECURITY_CONTEXT,
        [
            told("SysctlForbidden", 'forbidden sysctl: "net.core.somaxconn" not allowlisted'),
            has("status.reason", "SysctlForbidden"),
        ],
    ),
    "key of a config map": Fault(
        Cause.CONFIG_MISSING,
        [told("Failed", "Error: couldn't find key LEVEL in ConfigMap <space>/<word>"), _CONFIG_ERROR],
    ),
    "key of a secret": Fault(
        Cause.SECRET_MISSING,
        [told("Failed", "Error: couldn't find key token in Secret <space>/<word>"), _CONFIG_ERROR],
    ),
    "key of a mounted config map": Fault(
        Cause.CONFIG_MISSING,
        [
            told(
                "FailedMount",
                'MountVolume.SetUp failed for volume "conf" : references non-existent config key: app.yaml',
            )
        ],
    ),
    "key of a mounted secret": Fault(
        Cause.SECRET_MISSING,
        [
            told(
                "FailedMount",
                'MountVolume.SetUp failed for volume "tls" : references non-existent secret key: ca.pem',
            )
        ],
    ),
    "mounted config map": Fault(
        Cause.CONFIG_MISSING,
        [
            told("FailedMount", 'MountVolume.SetUp failed for volume "conf" : configmap "<word>" not found'),
            has("status.reason", "ContainerCreating"),
        ],
    ),
    "directory onto a file": Fault(
        Cause.MOUNT_FAILED,
        [
            told(
                "Failed",
                _OCI
                + 'error mounting "/var/lib/kubelet/pods/1f2/volume-subpaths/conf/main/0" to rootfs at "/etc/app.conf": not a'
                " directory: Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists"
                " and is the expected type: unknown",
            ),
            has("status.reason", "RunContainerError"),
        ],
    ),
    "sub-path": Fault(
        Cause.MOUNT_FAILED,
        [
            told("Failed", 'Error: failed to prepare subPath for volumeMount "data" of container "main"'),
            has("container.main.state.reason", "CreateContainerConfigError"),
        ],
    ),
    "host path of another type": Fault(
        Cause.MOUNT_FAILED,
        [
            told(
                "FailedMount",
                'MountVolume.SetUp failed for volume "sock" : hostPath type check failed: /var/run/<word>.sock is not a socket file',
            )
        ],
    ),
    "network file system refuses": Fault(
        Cause.MOUNT_PERMISSION,
        [
            told(
                "FailedMount",
                'MountVolume.SetUp failed for volume "share" : mount failed: exit status 32 Mounting arguments: -t nfs'
                " 10.0.0.9:/exports/<word> Output: mount.nfs: access denied by server while mounting 10.0.0.9:/exports/<word>",
            )
        ],
    ),
    "attached to another node": Fault(
        Cause.VOLUME_ELSEWHERE,
        [
            told(
                "FailedAttachVolume",
                'Multi-Attach error for volume "pvc-1f2" Volume is already exclusively attached to one node and can\'t be attached to'
                " another",
            ),
            told(
                "FailedMount",
                "Unable to attach or mount volumes: unmounted volumes=[data], unattached volumes=[data]: timed out waiting for the"
                " condition",
            ),
            has("status.reason", "ContainerCreating"),
        ],
    ),
    "storage driver is not there": Fault(
        Cause.STORAGE_DRIVER,
        [
            told(
                "FailedMount",
                'MountVolume.MountDevice failed for volume "pvc-1f2" : kubernetes.io/csi: attacher.MountDevice failed to create'
                " newCsiDriverClient: driver name <word>.csi.example not found in the list of registered CSI drivers",
            )
        ],
    ),
    "volume is not made": Fault(
        Cause.PROVISIONING_FAILED,
        [
            _PENDING,
            has("status.phase", "Pending", by="claim/<word>"),
            has("usedBy", "<pod.name>", by="claim/<word>"),
            told(
                "ProvisioningFailed",
                'failed to provision volume with StorageClass "fast": rpc error: code = ResourceExhausted desc = no capacity left in'
                " pool",
                by="claim/<word>",
            ),
            told(
                "FailedScheduling",
                "0/4 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
            ),
        ],
    ),
    "read-only root": Fault(
        Cause.FILE_SYSTEM_READ_ONLY,
        [
            wrote("OSError: [Errno 30] Read-only file system: '/var/cache/<word>'", severity=9, count=4),
            has("status.reason", "CrashLoopBackOff"),
            has("status.restartCount", 4.0),
        ],
    ),
}


@pytest.mark.parametrize("seed", [21, 22])
@pytest.mark.parametrize("fault", FAULTS)
def test_what_keeps_a_pod_from_starting_is_named(fault: str, seed: int) -> None:
    named(FAULTS[fault], seed)
