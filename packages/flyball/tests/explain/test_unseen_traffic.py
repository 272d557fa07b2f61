"""What runs and is not reached, refused or wrongly configured: names, routes, meshes, certificates, permissions."""

from __future__ import annotations

import pytest
from flyball.model.cause import Cause
from harness.unseen import WANTED, Fault, calls, has, named, told, wrote

_ACCESS = '[2031-05-04T03:02:01.000Z] "GET /<word> HTTP/1.1" '
_TAIL = ' - "-" 0 91 3 - "10.2.0.4" "curl/8.0" "1f2a" "<peer.name>" "10.2.0.9:8080" outbound|80||<peer.name>.<space>.svc.cluster.local - 10.0.0.1:80 10.2.0.4:40000 - -'
_CRASHES = [has("status.reason", "CrashLoopBackOff"), has("status.restartCount", 5.0)]


def _says(cause: Cause, text: str, *, severity: int = 17, of: str = "<it>", ready: float = WANTED) -> Fault:
    return Fault(cause, [wrote(text, severity=severity)], of, ready)


def _crashes(cause: Cause, text: str) -> Fault:
    return Fault(cause, [wrote(text, severity=9, count=5), *_CRASHES])


FAULTS = {
    # names and routes
    "policy without names": Fault(
        Cause.NETWORK_POLICY,
        [
            has("exists", "true", by="networkpolicy/<word>"),
            has("spec.podSelector", "{}", by="networkpolicy/<word>"),
            has("spec.egress", "[{'ports': [{'port': 443, 'protocol': 'TCP'}]}]", by="networkpolicy/<word>"),
            wrote("Error: getaddrinfo EAI_AGAIN <peer.name>"),
        ],
        of="networkpolicy/<word>",
        ready=WANTED,
    ),
    "name server is not there": Fault(
        Cause.CLUSTER_DNS_DOWN,
        [
            has("spec.replicas", 2.0, by="service/coredns"),
            has("status.readyReplicas", 0.0, by="service/coredns"),
            wrote(
                "dial tcp: lookup <peer.name> on 10.0.0.10:53: read udp 10.2.0.4:40000->10.0.0.10:53: i/o timeout"
            ),
        ],
        of="service/coredns",
        ready=WANTED,
    ),
    "name server asks itself": Fault(
        Cause.CLUSTER_DNS_DOWN,
        [
            has("spec.replicas", 2.0, by="service/coredns"),
            has("status.readyReplicas", 0.0, by="service/coredns"),
            wrote(
                '[FATAL] plugin/loop: Loop (127.0.0.1:51646 -> :53) detected for zone ".", see https://coredns.io/plugins/loop#troubleshooting.',
                by="service/coredns",
            ),
            wrote("java.net.UnknownHostException: <peer.name>: Temporary failure in name resolution"),
        ],
        of="service/coredns",
        ready=WANTED,
    ),
    "external name": Fault(
        Cause.DNS_FAILURE,
        [
            has("service.type", "ExternalName", by="<peer>"),
            has("service.externalName", "<word>.corp.invalid", by="<peer>"),
            wrote(
                "requests.exceptions.ConnectionError: Failed to resolve '<peer.name>' ([Errno -2] Name or service not known)"
            ),
        ],
        ready=WANTED,
    ),
    "port of a name that no pod has": Fault(
        Cause.SERVICE_PORT,
        [
            has("service.selector", "app=<it.name>", by="<it>"),
            has("template.labels", "app=<it.name>,tier=back", by="<it>"),
            has("service.port", "80/TCP", by="<it>"),
            has("service.targetPort", "web/TCP", by="<it>"),
            has("container.main.containerPort", "8080/TCP", by="<it>"),
            has("endpoints", "", by="<it>"),
        ],
        ready=WANTED,
    ),
    "ingress without a service": Fault(
        Cause.ROUTE_BACKEND,
        [
            told(
                "Translate",
                'Translation failed: invalid ingress spec: could not find service "<space>/<word>"',
                by="ingress/<it.name>",
                count=30,
            )
        ],
        of="ingress/<it.name>",
        ready=WANTED,
    ),
    "ingress to a service without pods": Fault(
        Cause.ROUTE_BACKEND,
        [
            wrote(
                'W0504 03:02:01.000000       7 controller.go:1112] Service "<space>/<word>" does not have any active Endpoint.',
                severity=13,
                by="service/<word>",
            )
        ],
        of="service/<word>",
        ready=WANTED,
    ),
    "ingress controller finds no service": Fault(
        Cause.ROUTE_BACKEND,
        [
            wrote(
                'W0504 03:02:01.000000       7 controller.go:1075] Error obtaining Endpoints for Service "<space>/<word>": no object matching key "<space>/<word>" in local store',
                severity=13,
                by="service/<word>",
            )
        ],
        of="service/<word>",
        ready=WANTED,
    ),
    "gateway without a backend": Fault(
        Cause.ROUTE_BACKEND,
        [has("condition.ResolvedRefs", "False BackendNotFound", by="httproute/<it.name>")],
        of="httproute/<it.name>",
        ready=WANTED,
    ),
    # meshes
    "cluster that is not there": _says(
        Cause.ROUTE_MISSING, _ACCESS + "503 NC cluster_not_found" + _TAIL, severity=9
    ),
    "no route": _says(Cause.ROUTE_MISSING, _ACCESS + "503 NR route_not_found" + _TAIL, severity=9),
    "injected abort": _says(Cause.FAULT_INJECTED, _ACCESS + "503 FI fault_filter_abort" + _TAIL, severity=9),
    "injected delay": _says(Cause.FAULT_INJECTED, _ACCESS + "200 DI via_upstream" + _TAIL, severity=9),
    "abort as the caller reads it": _says(
        Cause.FAULT_INJECTED,
        "WARN GET http://<peer.name>/<word> answered 500: fault filter abort",
        severity=13,
    ),
    "overflow": _says(
        Cause.CIRCUIT_OPEN,
        _ACCESS + "503 UO upstream_reset_before_response_started{overflow}" + _TAIL,
        severity=9,
    ),
    "breaker": _says(
        Cause.CIRCUIT_OPEN,
        "io.github.resilience4j.circuitbreaker.CallNotPermittedException: CircuitBreaker '<peer.name>' is OPEN and does not permit further calls",
    ),
    "one side speaks plain": _says(
        Cause.TLS_MISMATCH,
        _ACCESS
        + "503 UF upstream_reset_before_response_started{remote_connection_failure|TLS_error:|268435703:SSL_routines:OPENSSL_internal:WRONG_VERSION_NUMBER:TLS_error_end}"
        + _TAIL,
        severity=9,
    ),
    "plain at a TLS port": _says(Cause.TLS_MISMATCH, "http: server gave HTTP response to HTTPS client"),
    "no client certificate": _says(Cause.CLIENT_CERTIFICATE, "remote error: tls: certificate required"),
    "denied by the mesh": _says(
        Cause.PERMISSION_MISSING,
        _ACCESS + "403 - rbac_access_denied_matched_policy[none]" + _TAIL,
        severity=9,
    ),
    # certificates
    "unknown authority": _says(
        Cause.CERTIFICATE_UNTRUSTED,
        'Get "https://<peer.name>": tls: failed to verify certificate: x509: certificate signed by unknown authority',
    ),
    "path building": _says(
        Cause.CERTIFICATE_UNTRUSTED,
        "javax.net.ssl.SSLHandshakeException: PKIX path building failed: sun.security.provider.certpath.SunCertPathBuilderException: unable to find valid certification path to requested target",
    ),
    "self-signed": _says(
        Cause.CERTIFICATE_UNTRUSTED,
        "Error: self-signed certificate in certificate chain code: 'SELF_SIGNED_CERT_IN_CHAIN'",
    ),
    "local issuer": _says(
        Cause.CERTIFICATE_UNTRUSTED,
        "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate (_ssl.c:1006)",
    ),
    "another name": _says(
        Cause.CERTIFICATE_NAME,
        'Get "https://<peer.name>": tls: failed to verify certificate: x509: certificate is valid for <word>.example, not <peer.name>',
    ),
    "alternative name": _says(
        Cause.CERTIFICATE_NAME,
        "Error [ERR_TLS_CERT_ALTNAME_INVALID]: Hostname/IP does not match certificate's altnames: Host: <peer.name>.",
    ),
    # permissions and contracts
    "service account may not": _says(
        Cause.PERMISSION_MISSING,
        'pods is forbidden: User "system:serviceaccount:<space>:<word>" cannot list resource "pods" in API group "" in the namespace "<space>"',
    ),
    "role may not": _says(
        Cause.PERMISSION_MISSING,
        "AccessDenied: User: arn:aws:sts::123456789012:assumed-role/<word>/s is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::<word>/x",
    ),
    "unknown method": _says(
        Cause.API_MISMATCH,
        "rpc error: code = Unimplemented desc = unknown method Reserve for service <word>.v2.Stock",
    ),
    "unknown service": _says(
        Cause.API_MISMATCH, "io.grpc.StatusRuntimeException: UNIMPLEMENTED: unknown service <word>.v2.Stock"
    ),
    "message too large": _says(
        Cause.MESSAGE_TOO_LARGE,
        "rpc error: code = ResourceExhausted desc = grpc: received message larger than max (5242880 vs. 4194304)",
    ),
    "body too large": _says(
        Cause.MESSAGE_TOO_LARGE,
        "2031/05/04 03:02:01 [error] 31#31: *9 client intended to send too large body: 2097152 bytes",
    ),
    "quota of an upstream": _says(
        Cause.RATE_LIMITED, "ERROR charge failed: upstream answered HTTP 429, retry-after: 30"
    ),
    # configuration of the program
    "value of another type": _crashes(
        Cause.CONFIG_INVALID,
        "envconfig.Process: assigning APP_PORT to Port: converting 'eighty' to type int. details: strconv.ParseInt: parsing \"eighty\": invalid syntax",
    ),
    "settings do not validate": _crashes(
        Cause.CONFIG_INVALID,
        "pydantic_core._pydantic_core.ValidationError: 1 validation error for Settings\nworkers\n  Input should be a valid integer, unable to parse string as an integer",
    ),
    "properties do not bind": _crashes(
        Cause.CONFIG_INVALID,
        "APPLICATION FAILED TO START Description: Failed to bind properties under 'server.port' to java.lang.Integer",
    ),
    "directive": _crashes(
        Cause.CONFIG_INVALID,
        'nginx: [emerg] unknown directive "proxy_pas" in /etc/nginx/conf.d/<word>.conf:12',
    ),
    "yaml": _crashes(
        Cause.CONFIG_INVALID,
        "FATAL failed to load config: yaml: line 14: mapping values are not allowed in this context",
    ),
    "file of settings": _crashes(
        Cause.CONFIG_INVALID, "panic: open /etc/<word>/config.yaml: no such file or directory"
    ),
    "module": _crashes(Cause.LIBRARY_MISSING, "ModuleNotFoundError: No module named '<word>'"),
    "shared library": _crashes(
        Cause.LIBRARY_MISSING,
        "/app/<word>: error while loading shared libraries: libssl.so.1.1: cannot open shared object file: No such file or directory",
    ),
    "node module": _crashes(
        Cause.LIBRARY_MISSING, "Error: Cannot find module '<word>'\nRequire stack:\n- /app/index.js"
    ),
    "java class": _crashes(
        Cause.LIBRARY_MISSING, 'Exception in thread "main" java.lang.NoClassDefFoundError: org/<word>/Client'
    ),
    "called too": Fault(
        Cause.PERMISSION_MISSING,
        [
            calls(),
            wrote("WARN <peer.name> answered 500", severity=13),
            wrote(
                'configmaps "<word>" is forbidden: User "system:serviceaccount:<space>:<word>" cannot get resource "configmaps" in API group "" in the namespace "<space>"',
                by="<peer>",
            ),
        ],
        of="<peer>",
        ready=WANTED,
    ),
}


@pytest.mark.parametrize("seed", [25, 26])
@pytest.mark.parametrize("fault", FAULTS)
def test_why_something_is_not_reached_or_refuses_is_named(fault: str, seed: int) -> None:
    named(FAULTS[fault], seed)
