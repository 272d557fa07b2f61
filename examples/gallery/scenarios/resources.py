"""Something runs out: memory, CPU, disk, or the time to keep up with a queue."""

from __future__ import annotations

from flyball.model.cause import Cause
from gallery import texts
from gallery.scenarios.pods import expect, of
from gallery.stream import FAILING_S, Expected, Stage


def memory_leak(stage: Stage) -> Expected:
    """Memory grows from sample to sample, collections take longer, at last allocations fail."""
    service = stage.victim()
    stage.change(-stage.draw.uniform(200, 550), service.name)
    full = service.memory_mi * 2**20
    for pod in service.pods:
        stage.bend(
            f"pod/{pod}",
            "k8s.pod.memory_limit_utilization",
            lambda at, usual: min(0.99, usual + 0.45 * at / FAILING_S),
        )
        stage.bend(
            f"pod/{pod}",
            "container.memory.working_set",
            lambda at, usual: min(0.99 * full, usual + 0.45 * full * at / FAILING_S),
        )
    stage.fault(service.name, extra_ms=(100, 900), growing=True)
    if service.language != "go":  # a Go program would end at the first allocation that fails
        said = texts.heap_error(service.language)
        stage.fault(service.name, share=0.15, fails=True, start=150, says=lambda _draw: said)
    return expect(service, Cause.MEMORY_LEAK, step="memory|heap")


def throttled(stage: Stage) -> Expected:
    """The CPU limit is too small for what it does now."""
    service, draw = stage.victim(), stage.draw
    for pod in service.pods:
        stage.bend(f"pod/{pod}", "k8s.pod.cpu_limit_utilization", lambda _at, _usual: draw.uniform(0.94, 1.0))
        stage.bend(f"pod/{pod}", "container.cpu.usage", lambda _at, _usual: draw.uniform(0.47, 0.5))
        stage.bend(
            f"pod/{pod}", "container_cpu_cfs_throttled_seconds_total", lambda _at, _usual: draw.uniform(4, 9)
        )
    stage.fault(service.name, extra_ms=(150, 700))
    return expect(service, Cause.CPU_CONTENTION, step="cpu|limit")


def disk_full(stage: Stage) -> Expected:
    """The volume of a service, or of its database, has no space left."""
    draw = stage.draw
    service = stage.victim(database="any")
    database = stage.system.databases[service.database]
    if draw.random() < 0.5:
        path = f"/var/lib/{service.noun}/{draw.choice(('spool', 'cache', 'uploads'))}/{draw.randrange(16**6):06x}.tmp"
        stage.fault(
            service.name, share=0.85, fails=True, says=lambda _draw: texts.disk_error(service.language, path)
        )
        return expect(service, Cause.DISK_FULL, step="space|disk|volume")
    stage.fault(
        service.name, callee=f"database/{database.name}", share=0.85, fails=True,
        says=lambda draw: texts.sql_error(draw, service.language, database, texts.DISK_FULL),
    )  # fmt: skip
    for _ in range(draw.randint(20, 40)):
        said = texts.server_says(draw, database, texts.DISK_FULL)
        stage.log(stage.soon(0, 230), f"database/{database.name}", said)
    stage.bend(f"database/{database.name}", "system.filesystem.utilization", lambda _at, _usual: 1.0)
    objects = (*of(service), f"database/{database.name}")
    return Expected(
        causes=(Cause.DISK_FULL, Cause.DB_STORAGE), objects=objects, step=("space|disk|volume|storage",)
    )


def consumer_lag(stage: Stage) -> Expected:
    """A consumer falls behind; its group is rebalanced now and then."""
    service, draw = stage.system.consumer, stage.draw
    stage.bend(f"service/{service.name}", "kafka.consumer_group.lag", lambda at, usual: usual + 90 * at)
    group, topic = service.name, stage.system.topic
    member = f"consumer-{group}-1-{draw.randrange(16**8):08x}"
    said = {
        "java": f"[Consumer clientId=consumer-{group}-1, groupId={group}] consumer poll timeout has expired. This means the time between subsequent calls to poll() was longer than the configured max.poll.interval.ms, which typically implies that the poll loop is spending too much time processing messages.",
        "python": f"Heartbeat poll expired, leaving group {group}",
        "go": f"%4|{draw.randint(10**9, 2 * 10**9)}.123|MAXPOLL|rdkafka#consumer-1| [thrd:main]: Application maximum poll interval (300000ms) exceeded by {draw.randint(50, 900)}ms (adjust max.poll.interval.ms for long-running message processing): leaving group",
        "node": f"[ConsumerGroup] The coordinator is not aware of this member, re-joining the group, groupId {group}, memberId {member}",
    }[service.language]
    for _ in range(draw.randint(3, 7)):
        stage.log(stage.soon(5, 230), service.name, said, severity=13)
    found = expect(service, Cause.CONSUMER_LAG, step="consum|lag|partition|message")
    return Expected(causes=found.causes, objects=(*found.objects, f"topic/{topic}"), step=found.step)


SCENARIOS = {
    "memory leak": memory_leak,
    "cpu throttling": throttled,
    "disk full": disk_full,
    "consumer lag": consumer_lag,
}
