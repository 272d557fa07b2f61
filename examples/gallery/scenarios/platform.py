"""Failures that Kubernetes, or the platform of a function, tells of: pods that do not start, stay or get a place."""

from __future__ import annotations

from flyball.model.cause import Cause
from gallery import texts
from gallery.scenarios.pods import crashing, expect, of, rollout, settle, waiting
from gallery.stream import Expected, Stage
from gallery.system import Service, token


def oom_loop(stage: Stage) -> Expected:
    """The limit is too small for the load: the kernel kills it, again and again."""
    service, draw = stage.victim(), stage.draw
    crashing(stage, service, service.pods, code=137, reason="OOMKilled")
    for pod, node in zip(service.pods, service.nodes, strict=True):
        limit = service.memory_mi * 1024
        rss = int(limit * draw.uniform(0.96, 0.995))
        process = {"python": "python3", "java": "java", "go": service.name[:15], "node": "node"}[
            service.language
        ]
        killed = f"Memory cgroup out of memory: Killed process {draw.randint(2000, 90000)} ({process})"
        sizes = f" total-vm:{rss * 3}kB, anon-rss:{rss}kB, file-rss:{draw.randint(900, 9000)}kB, shmem-rss:0kB, UID:1000"
        stage.event(stage.soon(), "Node", node, "OOMKilling", killed + sizes, node=node)
        stage.bend(
            f"pod/{pod}", "k8s.pod.memory_limit_utilization", lambda at, _: min(0.99, 0.5 + at % 45 / 60)
        )
    stage.lost(service, "refused", share=0.7)
    return expect(service, Cause.OOM_KILLED, step="memory")


def crash_missing_env(stage: Stage) -> Expected:
    """A rollout forgets a variable that the program needs to start."""
    service = stage.victim()
    pods, recreate = rollout(stage, service)
    name = (
        f"{service.noun.upper()}_{stage.draw.choice(('TOKEN_URL', 'REGION', 'BUCKET', 'ISSUER', 'TENANT'))}"
    )
    crashing(
        stage,
        service,
        pods,
        code=2 if service.language == "go" else 1,
        said=texts.missing_env(service.language, name),
    )
    settle(stage, service, recreate=recreate)
    return expect(service, Cause.ENV_MISSING, step="set|add|variable|env", pods=pods)


def image_tag(stage: Stage) -> Expected:
    """A tag that was never pushed."""
    service = stage.victim()
    pods, recreate = rollout(stage, service)
    _no_image(stage, pods, "not found")
    settle(stage, service, recreate=recreate)
    return expect(service, Cause.IMAGE_REFERENCE, step="image|tag", pods=pods)


def image_auth(stage: Stage) -> Expected:
    """The registry wants credentials that the pod does not bring."""
    service = stage.victim()
    pods, recreate = rollout(stage, service)
    secret = stage.draw.choice(("regcred", "pull-secret", f"{service.noun}-registry"))
    image = stage.objects.container("pods", pods[0])["image"]
    host = image.partition("/")[0]
    why = stage.draw.choice(
        (
            "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed",
            f"failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://{host}/token: 401 Unauthorized",
        )
    )
    _no_image(stage, pods, why)
    settle(stage, service, recreate=recreate)
    if stage.draw.random() < 0.5:
        said = f"Unable to retrieve some image pull secrets ({secret}); attempting to pull the image may not succeed."
        stage.event(stage.soon(), "Pod", pods[0], "FailedToRetrieveImagePullSecret", said, count=5)
    return expect(service, Cause.IMAGE_PULL_SECRET, step="secret|credential|registry", pods=pods)


def _no_image(stage: Stage, pods: tuple[str, ...], why: str) -> None:
    for pod in pods:
        image = stage.objects.container("pods", pod)["image"]
        rpc, again = "", ""
        if why == "not found":
            rpc, again = stage.draw.choice(("rpc error: code = NotFound desc = ", "")), f"{image}: "
        resolve = f'failed to pull and unpack image "{image}": failed to resolve reference "{image}": '
        said = f'Failed to pull image "{image}": {rpc}{resolve}{again}{why}'
        back_off = f'Back-off pulling image "{image}"'
        stage.event(stage.soon(0, 2), "Pod", pod, "Pulling", f'Pulling image "{image}"', normal=True, count=4)
        stage.event(stage.soon(3, 30), "Pod", pod, "Failed", said, count=4)
        stage.event(stage.soon(3, 30), "Pod", pod, "Failed", "Error: ErrImagePull", count=4)
        stage.event(stage.soon(30, 60), "Pod", pod, "BackOff", back_off, normal=True, count=9)
        stage.event(stage.soon(30, 60), "Pod", pod, "Failed", "Error: ImagePullBackOff", count=9)
        waiting(stage, (pod,), "ImagePullBackOff", back_off)


def secret_missing(stage: Stage) -> Expected:
    """A pod refers to a secret that is not in its namespace, by a variable or a volume."""
    service, draw = stage.victim(), stage.draw
    pods, recreate = rollout(stage, service)
    secret = f"{service.noun}-{draw.choice(('credentials', 'keys', 'tls', 'db-auth'))}"
    volume = draw.random() < 0.5
    missing = f'secret "{secret}" not found'
    mount = f'MountVolume.SetUp failed for volume "{service.noun}-keys" : {missing}'
    for pod in pods:
        reason, said = ("FailedMount", mount) if volume else ("Failed", f"Error: {missing}")
        stage.event(stage.soon(), "Pod", pod, reason, said, count=draw.randint(5, 12))
    if volume:
        waiting(stage, pods, "ContainerCreating", "")
    else:
        waiting(stage, pods, "CreateContainerConfigError", missing)
    settle(stage, service, recreate=recreate)
    found = expect(service, Cause.SECRET_MISSING, step="secret", pods=pods)
    return Expected(causes=found.causes, objects=(*found.objects, f"secret/{secret}"), step=found.step)


def init_crash(stage: Stage) -> Expected:
    """It fails before it serves: an init container, or the import of a function."""
    service, draw = stage.victim(), stage.draw
    if draw.random() < 0.5:
        stage.change(-draw.uniform(2, 20), service.name)
        _function_crash(stage, service)
        return expect(service, Cause.INIT_FAILED, Cause.CRASH_LOOP, step="import|init|module|package|start")
    pods, recreate = rollout(stage, service)
    name = draw.choice(("migrate", "wait-for-schema", "init-config", "fetch-assets"))
    said = draw.choice(
        (
            f"alembic.util.exc.CommandError: Can't locate revision identified by '{draw.randrange(16**12):012x}'",
            "error: Dirty database version 41. Fix and force version.",
            "sh: /scripts/prepare.sh: not found",
        )
    )
    waiting(stage, pods, "PodInitializing", "")
    for pod in pods:
        _init_container(stage, pod, name)
        for _ in range(4):
            stage.log(stage.soon(2, 200), service.name, said, pod=pod)
    settle(stage, service, recreate=recreate)
    return expect(service, Cause.INIT_FAILED, step=f"init|{name}", pods=pods)


def _init_container(stage: Stage, pod: str, name: str) -> None:
    manifest = stage.objects["pods", pod]
    container = {"name": name, "image": stage.objects.container("pods", pod)["image"]}
    manifest["spec"]["initContainers"] = [container]
    manifest["status"]["initContainerStatuses"] = [
        {
            "name": name,
            "ready": False,
            "restartCount": 5,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"reason": "Error", "exitCode": 1}},
        }
    ]
    text = f"Back-off restarting failed container {name} in pod {pod}_{stage.system.namespace}"
    stage.event(stage.soon(20, 90), "Pod", pod, "BackOff", text, count=stage.draw.randint(5, 15))


def _function_crash(stage: Stage, service: Service) -> None:
    """A function of a serverless platform whose module cannot be loaded: nothing of it reaches Kubernetes."""
    module = stage.draw.choice(("orjson", "sharp", "pydantic_core", "bcrypt", "grpc"))
    said, type_ = {
        "node": (f"Error: Cannot find module '{module}'", "Runtime.ImportModuleError"),
        "java": (f"java.lang.ClassNotFoundException: com.acme.{module}.Handler", "Runtime.ClassNotFound"),
        "go": (f"fork/exec /var/task/{module}: no such file or directory", "Runtime.InvalidEntrypoint"),
    }.get(
        service.language,
        (f"Unable to import module 'app': No module named '{module}'", "Runtime.ImportModuleError"),
    )
    for _ in range(stage.draw.randint(12, 25)):
        at, ms = stage.soon(1, 230), stage.draw.uniform(300, 1900)
        stage.log(at, service.name, f"[ERROR] {type_}: {said}")
        stage.log(
            at,
            service.name,
            f"INIT_REPORT Init Duration: {ms:.2f} ms\tPhase: init\tStatus: error\tError Type: {type_}",
            9,
        )
    stage.lost(service, "gateway")
    address = f"https://{token(stage.draw, 12)}.lambda-url.eu-west-1.on.aws"
    for objects in (stage.before, stage.objects):
        for key in [key for key in objects if key[1] in {service.name, service.replica_set, *service.pods}]:
            del objects[key]
        for caller in stage.system.callers(service.name):
            for target in [("deployments", caller.name), *(("pods", pod) for pod in caller.pods)]:
                for variable in objects.container(*target)["env"]:
                    if f"//{service.name}:" in variable["value"]:
                        variable["value"] = address


def probe_kills(stage: Stage) -> Expected:
    """A healthy program answers its liveness probe, only not within what the probe allows."""
    service, draw = stage.victim(), stage.draw
    stage.change(-draw.uniform(5, 30), service.name, kind="config")
    for pod in service.pods:
        for of_ in (
            stage.objects.container("pods", pod),
            stage.objects.container("deployments", service.name),
        ):
            of_["livenessProbe"].update(initialDelaySeconds=1, periodSeconds=2, failureThreshold=1)
        restarts, ip = draw.randint(4, 9), stage.objects["pods", pod]["status"]["podIP"]
        late = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        said = f'Liveness probe failed: Get "http://{ip}:{service.port}/healthz": {late}'
        stage.event(stage.soon(), "Pod", pod, "Unhealthy", said, count=restarts * 2)
        killed = f"Container {service.name} failed liveness probe, will be restarted"
        stage.event(stage.soon(), "Pod", pod, "Killing", killed, normal=True, count=restarts)
        stage.objects.status(pod).update(
            restartCount=restarts, lastState={"terminated": {"reason": "Completed", "exitCode": 143}}
        )
    stage.lost(service, "refused", share=0.35)
    return expect(service, Cause.LIVENESS_TIMING, Cause.LIVENESS_FAILED, step="probe")


def unschedulable(stage: Stage) -> Expected:
    """No node has a place for the new pods."""
    service, draw, nodes = stage.victim(), stage.draw, stage.system.nodes
    pods, recreate = rollout(stage, service)
    count = len(nodes)
    cause, why = draw.choice(
        (
            (Cause.CPU_CAPACITY, f"{count} Insufficient cpu."),
            (Cause.MEMORY_CAPACITY, f"{count} Insufficient memory."),
            (Cause.TAINT_NOT_TOLERATED, f"{count} node(s) had untolerated taint {{dedicated: batch}}."),
            (Cause.NODE_SELECTOR, f"{count} node(s) didn't match Pod's node affinity/selector."),
        )
    )
    preemption = (
        f" preemption: 0/{count} nodes are available: {count} Preemption is not helpful for scheduling."
    )
    for pod in pods:
        said = f"0/{count} nodes are available: {why}{preemption}"
        stage.event(stage.soon(0, 5), "Pod", pod, "FailedScheduling", said, count=draw.randint(2, 8))
        manifest = stage.objects["pods", pod]
        manifest["spec"].pop("nodeName")
        for where in (
            manifest["spec"],
            stage.objects["deployments", service.name]["spec"]["template"]["spec"],
        ):
            if cause is Cause.NODE_SELECTOR:
                where["nodeSelector"] = {"pool": draw.choice(("gpu", "highmem", "arm"))}
            elif cause in {Cause.CPU_CAPACITY, Cause.MEMORY_CAPACITY}:
                where["containers"][0]["resources"]["requests"] = {"cpu": "12", "memory": "64Gi"}
        manifest["status"] = {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False"}]}
    for node in nodes if cause is Cause.TAINT_NOT_TOLERATED else ():
        stage.objects["nodes", node]["spec"]["taints"] = [
            {"key": "dedicated", "value": "batch", "effect": "NoSchedule"}
        ]
    stage.records[:] = [
        r
        for r in stage.records
        if getattr(r, "reason", "") != "Scheduled" or getattr(r, "name", "") not in pods
    ]
    settle(stage, service, recreate=recreate)
    return expect(
        service,
        cause,
        Cause.NODE_AFFINITY if cause is Cause.NODE_SELECTOR else cause,
        step="node|request|tolerat|capacity",
        pods=pods,
    )


def quota(stage: Stage) -> Expected:
    """The namespace may not have more."""
    service, draw, space = stage.victim(), stage.draw, stage.system.namespace
    pods, recreate = rollout(stage, service)
    name = draw.choice(("compute", "team-quota", "default", f"{space}-limits"))
    cause, resource, asked, used, hard = draw.choice(
        (
            (Cause.QUOTA_CPU, "limits.cpu", "500m", "7800m", "8"),
            (Cause.QUOTA_MEMORY, "limits.memory", f"{service.memory_mi}Mi", "16200Mi", "16Gi"),
            (Cause.QUOTA_PODS, "pods", "1", "20", "20"),
        )
    )
    replica_set = pods[0].rpartition("-")[0]
    for pod in pods:
        limits = f"exceeded quota: {name}, requested: {resource}={asked}, used: {resource}={used}, limited: {resource}={hard}"
        said = f'Error creating: pods "{pod}" is forbidden: {limits}'
        stage.event(stage.soon(), "ReplicaSet", replica_set, "FailedCreate", said, count=draw.randint(4, 12))
        del stage.objects["pods", pod]
    stage.records[:] = [r for r in stage.records if getattr(r, "name", "") not in pods]
    stage.objects["resourcequotas", name] = {
        "kind": "ResourceQuota",
        "metadata": {"name": name, "namespace": space},
        "status": {"hard": {resource: hard}, "used": {resource: used}},
    }
    settle(stage, service, recreate=recreate)
    objects = (*of(service), f"replicaset/{replica_set}", f"quota/{name}", f"namespace/{space}")
    return Expected(causes=(cause, Cause.QUOTA_OTHER), objects=objects, step=("quota",))


def node_down(stage: Stage) -> Expected:
    """A node falls silent: calls to its pods wait in vain, until their endpoints are taken away."""
    draw = stage.draw
    until = draw.uniform(45, 110)
    node = draw.choice(sorted({n for service in stage.system.services.values() for n in service.nodes}))
    held = stage.objects["nodes", node]
    said = "Kubelet stopped posting node status."
    held["status"]["conditions"] = [
        {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "message": said}
    ]
    held["spec"]["taints"] = [{"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}]
    stage.event(stage.soon(20, 45), "Node", node, "NodeNotReady", f"Node {node} status is now: NodeNotReady")
    for service in stage.system.services.values():
        lost = [pod for pod, on in zip(service.pods, service.nodes, strict=True) if on == node]
        for pod in lost:
            stage.event(stage.soon(20, 50), "Pod", pod, "NodeNotReady", "Node is not ready")
            stage.objects.status(pod)["ready"] = False
            for name in ("container.cpu.usage", "k8s.pod.cpu_limit_utilization"):
                stage.bend(f"pod/{pod}", name, lambda _at, _usual: 0.0)
        stage.lost(service, "connect", share=len(lost) / len(service.pods), until=until)
        for key in ("readyReplicas", "availableReplicas"):
            stage.objects["deployments", service.name]["status"][key] -= len(lost)
    causes = (Cause.NODE_NOT_READY, Cause.KUBELET_DOWN)
    return Expected(causes=causes, objects=(f"node/{node}",), step=("node|kubelet",))


SCENARIOS = {
    "oom-killed loop": oom_loop,
    "crashloop by missing env": crash_missing_env,
    "bad image tag": image_tag,
    "image pull auth": image_auth,
    "secret not bound": secret_missing,
    "init-phase crash": init_crash,
    "probe kills healthy app": probe_kills,
    "unschedulable": unschedulable,
    "quota exceeded": quota,
    "node down": node_down,
}
