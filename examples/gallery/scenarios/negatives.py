"""Nothing is wrong, though it looks so."""

from __future__ import annotations

from gallery.stream import FAILING_S, NORMAL_S, Expected, Stage


def noisy(stage: Stage) -> Expected:
    """Services that always write warnings and errors, and go on writing them."""
    draw = stage.draw
    for service in draw.sample(list(stage.system.services.values()), 3):
        said = draw.choice(
            (
                "failed to refresh {noun} cache, using stale copy",
                "client closed connection before response was sent ({n})",
                "could not enrich {noun} {n}, optional field missing",
            )
        )
        for _ in range(draw.randint(120, 260)):
            body = said.format(noun=service.noun, n=draw.randint(1000, 99999))
            stage.log(
                draw.uniform(-NORMAL_S, FAILING_S - 1), service.name, body, severity=draw.choice((13, 17, 17))
            )
    return Expected()


def old_rollout(stage: Stage) -> Expected:
    """A rollout went through long ago and all is well since; a stray pod of it was slow to start."""
    service, draw = stage.victim(), stage.draw
    at = -draw.uniform(350, 560)
    stage.change(at, service.name)
    said = f"Scaled up replica set {service.replica_set} from 0 to {len(service.pods)}"
    stage.event(at, "Deployment", service.name, "ScalingReplicaSet", said, normal=True)
    ip, late = stage.objects["pods", service.pods[0]]["status"]["podIP"], "connect: connection refused"
    said = f'Readiness probe failed: Get "http://{ip}:{service.port}/healthz": dial tcp {ip}:{service.port}: {late}'
    stage.event(at + 8, "Pod", service.pods[0], "Unhealthy", said, count=2)
    return Expected()


def alert_storm(stage: Stage) -> Expected:
    """Many alerts fire, of thresholds set too low; what they watch is as it always is."""
    draw = stage.draw
    names = ("HighMemoryUsage", "PodCPUHigh", "LatencyP99High", "ErrorBudgetBurn", "TooManyConnections")
    for service in stage.system.services.values():
        for name in draw.sample(names, draw.randint(1, 3)):
            for at in range(draw.randint(1, 30), int(FAILING_S), 30):
                stage.point(at, f"service/{service.name}", "ALERTS", 1.0, alertname=name, alertstate="firing")
    return Expected()


def checkpoint(stage: Stage) -> Expected:
    """A database writes a checkpoint, longer than usual, and its disk is busy: no query waits for it."""
    draw = stage.draw
    database = next(one for one in stage.system.databases.values() if one.engine == "postgresql")
    it = f"database/{database.name}"
    stage.bend(it, "system.disk.write_bytes", lambda _at, usual: usual * 25)
    stage.bend(it, "system.cpu.utilization", lambda _at, usual: min(0.9, usual + 0.45))
    buffers, write = draw.randint(9000, 30000), draw.uniform(150, 220)
    stage.log(2.0, it, "LOG:  checkpoint starting: wal", severity=9)
    said = f"LOG:  checkpoint complete: wrote {buffers} buffers ({buffers / 400:.1f}%); 0 WAL file(s) added, 2 removed, 31 recycled; write={write:.3f} s, sync=0.412 s, total={write + 0.5:.3f} s; sync files=214, longest=0.101 s, average=0.002 s"
    stage.log(2.0 + write, it, said, severity=9)
    return Expected()


SCENARIOS = {
    "noisy but healthy": noisy,
    "old rollout as a red herring": old_rollout,
    "alert storm without a signal": alert_storm,
    "database busy by a checkpoint": checkpoint,
}
