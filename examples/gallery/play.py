"""Play a scenario: a system from the seed, ordinary traffic, distractors, and what the scenario does to them."""

from __future__ import annotations

import copy
from random import Random

from gallery import metrics
from gallery.kube import Manifests
from gallery.scenarios import SCENARIOS
from gallery.stream import FAILING_S, NORMAL_S, Expected, Object, Stage, Stream, onset_of
from gallery.system import Service, build
from gallery.traffic import Traffic


def play(name: str, seed: int) -> tuple[Stream, Expected]:
    """The stream of a scenario and what a diagnosis of it should say: a function of the name and the seed."""
    draw = Random(f"{seed} {name}")  # noqa: S311 - telemetry, not secrets
    system = build(draw)
    stage = Stage.of(draw, system)
    expected = SCENARIOS[name](stage)
    concerned = set(expected.objects)
    others = [service for service in system.services.values() if f"service/{service.name}" not in concerned]
    _innocent_deploy(stage, draw.choice(others or list(system.services.values())))
    _noisy_neighbour(stage, draw.choice(list(system.services.values())))
    _checkpoints(stage)
    Traffic(stage).play()
    stage.records.extend(metrics.usual(stage))
    stage.records.extend(_read(stage.before, -draw.uniform(20, 60)))
    stage.records.extend(_read(stage.objects, FAILING_S - draw.uniform(5, 20)))
    inside = (record for record in stage.records if -NORMAL_S <= record.time < FAILING_S)
    records = sorted(inside, key=lambda record: record.time)
    return Stream(onset=onset_of(draw), system=system, records=tuple(records)), expected


def _read(objects: Manifests, at: float) -> list[Object]:
    return [
        Object(time=at, resource=resource, manifest=copy.deepcopy(manifest))
        for (resource, _), manifest in objects.items()
    ]


def _innocent_deploy(stage: Stage, service: Service) -> None:
    """Something else is deployed shortly before, and is well."""
    if service.name in stage.versions:
        return
    at = -stage.draw.uniform(10, 120)
    version = stage.change(at, service.name)
    for target in [("deployments", service.name), *(("pods", pod) for pod in service.pods)]:
        if target in stage.objects:
            stage.objects.container(*target)["image"] = f"{stage.system.registry}/{service.name}:{version}"
    for pod, node in zip(service.pods, service.nodes, strict=True):
        image = f"{stage.system.registry}/{service.name}:{version}"
        ms = stage.draw.randint(400, 3000)
        pulled = f'Successfully pulled image "{image}" in {ms}ms ({ms}ms including waiting)'
        stage.event(at + 2, "Pod", pod, "Pulled", pulled, normal=True, node=node)
        stage.event(
            at + 3, "Pod", pod, "Started", f"Started container {service.name}", normal=True, node=node
        )


def _noisy_neighbour(stage: Stage, service: Service) -> None:
    """Something else complains all the time, before and after."""
    draw = stage.draw
    said = draw.choice(
        (
            "could not send telemetry to agent, buffer kept ({n} items)",
            "feature store lookup failed for {n}, default used",
            "WARN slow disk flush took {n} ms",
        )
    )
    for _ in range(draw.randint(60, 140)):
        at = draw.uniform(-NORMAL_S, FAILING_S - 1)
        stage.log(
            at, service.name, said.format(n=draw.randint(100, 9999)), severity=draw.choice((13, 13, 17))
        )


def _checkpoints(stage: Stage) -> None:
    """What databases write when nothing is wrong."""
    draw = stage.draw
    for database in stage.system.databases.values():
        for at in range(-int(NORMAL_S) + draw.randint(0, 100), int(FAILING_S), 120):
            it, ms = f"database/{database.name}", draw.uniform(10, 60)
            if database.engine == "postgresql":
                stage.log(at, it, "LOG:  checkpoint starting: time", severity=9)
                stage.log(at + ms, it, f"LOG:  checkpoint complete: wrote {draw.randint(20, 900)} buffers ({draw.uniform(0.1, 5):.1f}%); 0 WAL file(s) added, 0 removed, 1 recycled; write={ms:.3f} s, sync=0.004 s, total={ms:.3f} s", severity=9)  # fmt: skip
            else:
                stage.log(at, it, f"[Note] [MY-010914] [Server] Aborted connection {draw.randint(10, 9000)} to db: '{database.name}' user: '{database.user}' (Got an error reading communication packets).", severity=9)  # fmt: skip
