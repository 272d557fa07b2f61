"""Failures between services, or between a service and the world."""

from __future__ import annotations

from flyball.model.cause import Cause
from gallery import texts
from gallery.scenarios.pods import expect, of
from gallery.stream import Expected, Stage


def wrong_address(stage: Stage) -> Expected:
    """A change of configuration makes a service call a name or a port that is not there."""
    draw = stage.draw
    caller = draw.choice([service for service in stage.system.services.values() if service.calls])
    callee = stage.system.services[draw.choice(caller.calls)]
    stage.change(-draw.uniform(3, 20), caller.name, kind="config")
    by_name = draw.random() < 0.5
    host = draw.choice((f"{callee.name}-old", f"{callee.name}.{draw.choice(('staging', 'dev', 'test'))}"))
    address = f"http://{host}:{callee.port}" if by_name else f"http://{callee.name}:{callee.port + 1000}"
    name = f"{callee.name.upper().replace('-', '_')}_URL"
    targets = [("deployments", caller.name), *(("pods", pod) for pod in caller.pods)]
    for variable in (v for target in targets for v in stage.objects.container(*target)["env"]):
        if variable["name"] == name:
            variable["value"] = address
    peer = texts.Peer(host, callee.port, "10.96.3.7", "/" + callee.noun)
    if not by_name:
        peer = texts.Peer(callee.name, callee.port + 1000, "10.96.3.7", "/" + callee.noun)
    how = "dns" if by_name else draw.choice(("refused", "connect"))
    stage.fault(caller.name, callee=callee.name, unreachable=how, peer=peer, fails=True)
    return expect(caller, Cause.ENV_ADDRESS, step="address|port|variable|env")


def service_wiring(stage: Stage) -> Expected:
    """A Service selects labels that no pod has, or sends to a port on which nobody listens."""
    service, draw = stage.victim(), stage.draw
    stage.change(-draw.uniform(3, 20), service.name, kind="config")
    spec = stage.objects["services", service.name]["spec"]
    if draw.random() < 0.5:
        spec["selector"] = {
            "app": draw.choice((f"{service.name}-v2", service.noun + "s", f"{service.name}-web"))
        }
        stage.objects["endpoints", service.name]["subsets"] = []
        stage.lost(service, "refused")
        return expect(service, Cause.SERVICE_SELECTOR, step="selector|label")
    wrong = draw.choice([port for port in (80, 8081, 9090, 5000) if port != service.port])
    spec["ports"][0]["targetPort"] = wrong
    stage.objects["endpoints", service.name]["subsets"][0]["ports"][0]["port"] = wrong
    stage.lost(service, "refused")
    return expect(service, Cause.SERVICE_PORT, step="port")


def cut_off(stage: Stage) -> Expected:
    """A network policy lets nothing out, or names do not resolve any more."""
    draw, space = stage.draw, stage.system.namespace
    services = list(stage.system.services.values())
    if draw.random() < 0.5:
        name = draw.choice(("default-deny", "deny-all", "lockdown", "baseline"))
        stage.objects["networkpolicies", name] = {
            "kind": "NetworkPolicy",
            "metadata": {"name": name, "namespace": space},
            "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": []},
        }
        for service in services:
            stage.lost(service, "dns")
        objects = (f"networkpolicy/{name}", f"namespace/{space}")
        return Expected(causes=(Cause.NETWORK_POLICY,), objects=objects, step=("policy|allow",))
    for service in services:
        stage.lost(service, "dns", share=draw.uniform(0.6, 0.95))
    for _ in range(draw.randint(8, 20)):
        asked = draw.choice(services).name
        said = f"[ERROR] plugin/errors: 2 {asked}.{space}.svc.cluster.local. A: read udp 10.2.0.8:{draw.randint(30000, 60000)}->10.0.0.2:53: i/o timeout"
        stage.log(stage.soon(1, 230), "coredns", said)
    called = tuple(name for service in services for name in of(service))
    return Expected(
        causes=(Cause.DNS_FAILURE,), objects=(*called, "service/coredns"), step=("dns|name|resol",)
    )


def certificate(stage: Stage) -> Expected:
    """The certificate of something that is called ran out at the onset."""
    service = stage.victim()
    peer = texts.Peer(stage.system.upstream, 443, "203.0.113.9", f"/v1/{service.noun}")
    stage.fault(
        service.name, fails=True, says=lambda draw: texts.lost(draw, "certificate", service.language, peer)
    )
    return Expected(
        causes=(Cause.CERTIFICATE_EXPIRED,),
        objects=(*of(service), f"service/{peer.host}"),
        step=("certificate|renew",),
    )


def rate_limited(stage: Stage) -> Expected:
    """Somebody outside answers 429."""
    service = stage.victim()
    peer = texts.Peer(stage.system.upstream, 443, "203.0.113.9", f"/v2/{service.noun}")
    stage.fault(
        service.name, fails=True, share=stage.draw.uniform(0.5, 0.9), extra_ms=(20, 90),
        says=lambda draw: texts.lost(draw, "limited", service.language, peer),
    )  # fmt: skip
    return Expected(
        causes=(Cause.RATE_LIMITED,),
        objects=(*of(service), f"service/{peer.host}"),
        step=("limit|quota|fewer|rate",),
    )


def slow_dependency(stage: Stage) -> Expected:
    """One service answers late; nobody changed it, and it writes nothing about it."""
    service = stage.victim(leaf=True)
    stage.fault(service.name, extra_ms=(700, 1500), share=0.95)
    return expect(service, Cause.SLOW_SERVICE, Cause.DEPENDENCY_TIMEOUT, step="profile|measure|slow|late")


def retry_storm(stage: Stage) -> Expected:
    """A service fails now and then; its caller's retries turn that into a multiple of its load, and so into more."""
    draw = stage.draw
    service = stage.victim(leaf=True)
    callers = stage.system.callers(service.name)
    for caller in callers:
        stage.fault(caller.name, callee=service.name, retries=draw.randint(4, 6))
        stage.fault(
            caller.name,
            severity=13,
            share=0.95,
            says=lambda draw, caller=caller: texts.retrying(
                draw, caller.language, service.name, service.port
            ),
        )
    stage.fault(
        service.name,
        share=0.75,
        fails=True,
        extra_ms=(80, 300),
        says=lambda draw: texts.overloaded(draw, service.language),
    )
    objects = (*of(service), *(f"service/{caller.name}" for caller in callers))
    return Expected(causes=(Cause.RETRY_STORM,), objects=objects, step=("retr|back",))


SCENARIOS = {
    "wrong address in env": wrong_address,
    "service selector or port wrong": service_wiring,
    "dns or network policy deny": cut_off,
    "certificate expired": certificate,
    "429 from upstream": rate_limited,
    "slow dependency": slow_dependency,
    "retry storm": retry_storm,
}
