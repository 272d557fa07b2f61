"""The texts of clients, proxies, meshes and runtimes that tell a cause: routes, certificates, permissions, limits.

Envoy's access log gives its response flags after the status: `"GET / HTTP/1.1" 503 NC`.
Source: https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage
"""

from __future__ import annotations

from flyball.explain.rule import HINTS, IMPLIES, SAYS, SHOWS
from flyball.explain.rules.text import Text
from flyball.model.cause import Cause

TRAFFIC = (
    Text(
        cause=Cause.ROUTE_MISSING,
        pattern=r'HTTP/[\d.]+" 503 (?:\w+,)*N[RC]\b|\bcluster_not_found\b',
        tells="requests without a route",
        step="Correct the route of the request that {it} sends: its destination or subset is not defined.",
        weight=SAYS,
        plain=True,
    ),
    Text(
        cause=Cause.ROUTE_BACKEND,
        pattern=r'Error obtaining Endpoints for Service "[^"]+"|the service \S+ does not exist in the cluster',
        tells="a route whose backend is not there",
        step="Let the route that {it} tells of lead to a Service that is there.",
    ),
    Text(
        cause=Cause.ROUTE_BACKEND,
        pattern=r'Service "[^"]+" does not have any active Endpoint',
        tells="a route whose backend has no pods",
        step="See why the Service behind the route of {it} has no ready pod.",
        weight=HINTS + 0.15,
    ),
    Text(
        cause=Cause.FAULT_INJECTED,
        pattern=r'HTTP/[\d.]+" \d{3} (?:\w+,)*(?:FI|DI)\b|\bfault[_ ]filter[_ ]abort\b',
        tells="a fault that is injected",
        step="Take the fault out of the route that {it} uses.",
        weight=SAYS,
        plain=True,
    ),
    Text(
        cause=Cause.CIRCUIT_OPEN,
        pattern=r'(?i)HTTP/[\d.]+" 503 (?:\w+,)*UO\b|does not permit further calls|circuit ?breaker\W.{0,60}\bis (?:now )?open\b'
        r"|short-circuited and is open|BrokenCircuitException",
        tells="a circuit breaker that is open",
        step="See whether what {it} calls fails; if it does not, raise the limits of the breaker.",
        weight=HINTS + 0.15,
        plain=True,
    ),
    Text(
        cause=Cause.TLS_MISMATCH,
        pattern=r"(?i)WRONG_VERSION_NUMBER|gave HTTP response to HTTPS client|plain HTTP request was sent to HTTPS port"
        r"|sent an HTTP request to an HTTPS server|not an SSL/TLS record|first record does not look like a TLS handshake",
        tells="TLS that one side does not speak",
        step="Let {it} and what it calls agree on TLS: scheme, port, or what the mesh demands.",
        plain=True,
    ),
    Text(
        cause=Cause.CLIENT_CERTIFICATE,
        pattern=r"(?i)tls: certificate required|client didn't provide a certificate|peer did not return a certificate"
        r"|No required SSL certificate was sent|CERTIFICATE_REQUIRED",
        tells="a client certificate that is missing",
        step="Give {it} the client certificate that is asked for.",
        plain=True,
    ),
    Text(
        cause=Cause.CERTIFICATE_UNTRUSTED,
        pattern=r"(?i)signed by unknown authority|PKIX path building failed|self[- _]signed[ _]cert\w*[ _]in[ _]cert\w*[ _]chain"
        r"|unable to get local issuer certificate|unable to verify the first certificate|certificate is not trusted"
        r"|DEPTH_ZERO_SELF_SIGNED_CERT|verify failed: self[- ]signed",
        tells="a certificate that is not trusted",
        step="Trust in {it} the authority that signed what it meets.",
        plain=True,
    ),
    Text(
        cause=Cause.CERTIFICATE_NAME,
        pattern=r"(?i)certificate is (?:not )?valid for \S+?,? (?:but )?not|ALTNAME_INVALID|does not match certificate's altnames"
        r"|no subject alternative (?:DNS )?names? (?:matching|present)|hostname mismatch, certificate"
        r"|certificate subject name .{0,80} does not match",
        tells="a certificate for another name",
        step="Give what {it} calls a certificate for the name that it is called by, or call it by that name.",
        weight=SAYS,
        plain=True,
    ),
    Text(
        cause=Cause.PERMISSION_MISSING,
        pattern=r"is forbidden: User \"[^\"]+\" cannot \w+ resource|is not authorized to perform: |rbac_access_denied|RBAC: access denied"
        r"|does not have authorization to perform action|permission denied for (?:schema|sequence|function|database|view)"
        r"|command denied to user '|Required '\S+' permission|Permission '\S+' denied on resource|NOPERM\b",
        tells="a permission that is missing",
        step="Grant the identity of {it} what it was refused.",
        weight=SHOWS + 0.05,
        plain=True,
    ),
    Text(
        cause=Cause.API_MISMATCH,
        pattern=r"(?i)unimplemented\b.{0,60}unknown (?:method|service) (?!\S* ?(?:for service )?grpc\.(?:health|reflection))"
        r"|unknown method \S+ for service (?!grpc\.(?:health|reflection))",
        tells="a call that its callee does not offer",
        step="Let {it} and what it calls be of versions that fit.",
        plain=True,
    ),
    Text(
        cause=Cause.MESSAGE_TOO_LARGE,
        pattern=r"(?i)message larger than max|client intended to send too large body|Request Entity Too Large|PayloadTooLarge"
        r"|packet for query is too large|larger than 'max_allowed_packet'|RecordTooLarge|MESSAGE_TOO_LARGE|Content Too Large"
        r"|exceeds maximum size of|FUNCTION_PAYLOAD_TOO_LARGE",
        tells="a message that is too large",
        step="Raise the limit that the message of {it} meets, or send less at once.",
        plain=True,
    ),
    Text(
        cause=Cause.RATE_LIMITED,
        pattern=r"(?i)(?:answered|returned|responded(?: with)?|got|received|status|code)(?: code)?:? (?:HTTP )?429\b|HTTP/[\d.]+\"? 429\b"
        r"|HTTP(?: status)? 429\b",
        tells="an upstream that limits the rate",
        step="Lower the rate of {it} or ask for a higher limit.",
    ),
    Text(
        cause=Cause.FILE_HANDLES,
        pattern=r"(?i)too many open files|\bE[MN]FILE\b|inotify (?:watches|instances)\b.{0,40}(?:limit|reached|exhausted)",
        tells="open files that reach their limit",
        step="Find what {it} opens and does not close; raise its limit if it needs so many.",
        weight=IMPLIES - 0.05,  # more load opens more too: whatever tells of that comes first
        plain=True,
    ),
    Text(
        cause=Cause.PROCESS_LIMIT,
        pattern=r"(?i)unable to create (?:new )?native thread|can't start new thread|failed to create new OS thread"
        r"|(?:fork\w*|clone|pthread_create)\b.{0,60}resource temporarily unavailable|pids?[ .]limit",
        tells="threads or processes that reach their limit",
        step="Find what {it} starts and does not end; raise its limit of processes if it needs so many.",
        weight=SAYS,
        plain=True,
    ),
    Text(
        cause=Cause.CLOCK_SKEW,
        pattern=r"(?i)RequestTimeTooSkewed|token (?:was )?used before issued|clock skew (?:too great|detected)|issued in the future"
        r"|signature not yet current|(?:token|jwt)\b.{0,40}not (?:yet )?valid (?:before|yet)",
        tells="clocks that differ",
        step="Hold the clock of {it} and of its node against the time.",
        plain=True,
    ),
    Text(
        cause=Cause.CLOCK_SKEW,
        pattern=r"not yet valid: current time \S+ is before",
        tells="a clock that is behind a certificate",
        step="Hold the clock of {it} and of its node against the time.",
        weight=SAYS + 0.01,
        plain=True,
    ),
    Text(
        cause=Cause.NODE_PACKET_LOSS,
        pattern=r"(?i)table full, dropping packet|neighbou?r table overflow",
        tells="a kernel that drops packets",
        step="Raise the table of the kernel of {it} that is full, or see who opens so many connections.",
        plain=True,
    ),
    Text(
        cause=Cause.FILE_SYSTEM_READ_ONLY,
        pattern=r"(?i)read-only file ?system|\bEROFS\b|remounting filesystem read-only",
        tells="a file system that is read-only",
        step="Mount a volume that is writable where {it} writes.",
        plain=True,
    ),
    Text(
        cause=Cause.ETCD_DOWN,
        pattern=r"etcdserver: (?:request timed out|no leader|leader changed|server stopped)|etcd cluster is unavailable",
        tells="an etcd without a leader",
        step="Look at the members of etcd: disk, network, quorum.",
        plain=True,
    ),
    Text(
        cause=Cause.ETCD_FULL,
        pattern=r"mvcc: database space exceeded|alarm:NOSPACE",
        tells="an etcd that is full",
        step="Compact and defragment etcd, then disarm its alarm; see what writes so much.",
        weight=SAYS,
        plain=True,
    ),
    Text(
        cause=Cause.DISRUPTION_BUDGET,
        pattern=r"would violate the pod's disruption budget",
        tells="a disruption budget that blocks evictions",
        step="Let the budget allow one disruption, or make its pods ready, so that {it} can go on.",
        plain=True,
    ),
    Text(
        cause=Cause.IMAGE_PLATFORM,
        pattern=r"(?i)exec format error",
        tells="an image of another platform",
        step="Build the image of {it} for the platform of its node; a script needs an interpreter in its first line.",
        plain=True,
    ),
    Text(
        cause=Cause.LIBRARY_MISSING,
        pattern=r"ModuleNotFoundError: |Cannot find (?:module|package) '|error while loading shared libraries|NoClassDefFoundError"
        r"|ClassNotFoundException|version .GLIBC\w*_[\d.]+' not found|cannot load such file -- |Could not load file or assembly",
        tells="a module or library that is missing",
        step="Put what is missing into the image of {it}, or take the version before.",
        plain=True,
        starting=True,
    ),
    Text(
        cause=Cause.CONFIG_INVALID,
        pattern=r"(?i)envconfig\.Process: |\[emerg\]|Failed to bind properties under|validation errors? for \w*(?:settings|config)\w*"
        r"|(?:fail\w*|error|could not|cannot|unable)\b(?: to)? (?:pars|load|read|decod|unmarshal|validat)\w* (?:the )?(?:\w+ )?"
        r"(?:config\w*|settings|properties)\b|invalid (?:config\w*|settings?|value .{0,40}for (?:flag|env\w*|option))\b"
        r"|\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b.{0,40}(?:invalid literal|must be an? (?:int|number|bool|port|url)|not a valid)"
        r"|(?:open|stat|read|find|load)\b[^:]{0,60}\.(?:ya?ml|toml|ini|conf|cfg|properties)\b.{0,20}(?:no such file|not found|does not exist)",
        tells="a configuration that is not valid",
        step="Correct the configuration that {it} reads at its start.",
        weight=IMPLIES + 0.05,
        plain=True,
        starting=True,
    ),
)
