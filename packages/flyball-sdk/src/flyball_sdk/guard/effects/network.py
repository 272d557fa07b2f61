"""Programs that send, fetch, listen or connect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flyball_sdk.guard.effect import Effect
from flyball_sdk.guard.effects.files import written
from flyball_sdk.guard.effects.hosts import host_of, kind_of, shown
from flyball_sdk.guard.effects.iac import first_known
from flyball_sdk.guard.effects.make import Reader, effect
from flyball_sdk.guard.effects.options import Options, options
from flyball_sdk.guard.effects.paths import place
from flyball_sdk.guard.scene import Scene
from flyball_sdk.guard.shell.command import UNKNOWN, Command

_CURL = (
    "-X", "--request", "-d", "--data", "--data-binary", "--data-raw", "--data-ascii", "--data-urlencode", "-F", "--form", "-H", "--header",
    "-o", "--output", "-u", "--user", "-T", "--upload-file", "-b", "--cookie", "-c", "--cookie-jar", "-A", "--user-agent", "-e", "--referer",
    "-m", "--max-time", "--connect-timeout", "-x", "--proxy", "--retry", "-w", "--write-out", "--json", "-K", "--config", "-E", "--cert",
    "--key", "--cacert", "--resolve", "--url", "-r", "--range", "-C", "--form-string", "--max-redirs", "--retry-delay", "-z", "-Y", "-y",
    "--interface", "--unix-socket", "--limit-rate", "-D", "--dump-header", "--connect-to", "--output-dir", "--aws-sigv4", "--oauth2-bearer",
)  # fmt: skip
_SENDS = ("-d", "--data", "--data-binary", "--data-raw", "--data-ascii", "--data-urlencode", "-F", "--form", "--json", "--form-string", "--post-data", "--body-data")  # fmt: skip
_WGET = ("-O", "--output-document", "-o", "--post-data", "--post-file", "--header", "-U", "--user-agent", "-P", "--directory-prefix", "-t", "-T",
         "--method", "--body-data", "--body-file", "--user", "--password", "-e", "--execute", "-i", "-Q", "--limit-rate", "--use-askpass",
         "--timeout", "--tries", "-a")  # fmt: skip
# services that answer an HTTP verb with the loss of data: the verb is taken at its word
_DELETING_PATHS = ("/_delete_by_query", "/doDelete", "/doWipeOutWorkspace", "/delete-queue", "/quietDown", "/safeExit", "/_close",
                   "/purge", "/truncate", "/flush_all", "/_rollover", "/admin/delete", "/api/v1/admin/tsdb/delete_series")  # fmt: skip


def http(command: Command, scene: Scene) -> Iterator[Effect]:
    """`curl` and `wget`: a request each, by its method, its body and its host."""
    wget = command.name.startswith("wget")
    given = options(command.words, _WGET if wget else _CURL)
    urls = [*given.all("--url"), *given.words]
    method = given.value("-X", "--request", "--method").upper()
    # what -T and --post-file name is a file, written as -d has it: @FILE
    sent = (
        *given.all(*_SENDS),
        *(f"@{path}" for path in given.all("-T", "--upload-file", "--post-file", "--body-file")),
    )
    output = given.value("-O", "--output-document", "-P") if wget else given.value("-o", "--output")
    if output:
        yield from written(output, command, scene, append=False)
    socket = given.value("--unix-socket")
    if socket.endswith("docker.sock"):
        yield effect("container.escape", socket, command)
    if len(urls) > URLS_MAX:
        yield effect("call.unread", f"more than {URLS_MAX} addresses", command)
    for url in urls[:URLS_MAX] or [""]:
        yield from request(url, method, sent, command, scene, credentials=_credentials(given))


def _credentials(given: Options) -> bool:
    return bool(given.value("-u", "--user", "--oauth2-bearer")) or any(
        "authorization" in h.lower() for h in given.all("-H", "--header")
    )


# one command asks for at most so many addresses; one that names more is not read
URLS_MAX = 20
_NEAR = frozenset({"project", "temporary"})


def request(
    url: str, method: str, sent: tuple[str, ...], command: Command, scene: Scene, *, credentials: bool = False
) -> Iterator[Effect]:
    """The effects of one HTTP request."""
    host = host_of(url)
    kind = kind_of(host)
    files = tuple(
        body.partition("@")[2].partition(";")[0] or body
        for body in sent
        if (body[:1] == "@" and body != "@-") or "=@" in body
    ) + tuple(body for body in sent if body.startswith("/"))
    # what a here-document or an echo feeds stands in the command itself
    fed = (
        command.stdin is not None
        and UNKNOWN in command.stdin
        and any(body in ("@-", "-", ".") for body in sent)
    )
    attributes: dict[str, Any] = {
        "host": host,
        "kind": kind,
        "method": method or ("POST" if sent else "GET"),
        "credentials": credentials,
    }
    if kind == "metadata":
        yield effect("net.internal", shown(url), command, **attributes)
    if method == "DELETE" or (
        method in ("POST", "PUT", "PATCH", "") and any(path in url for path in _DELETING_PATHS)
    ):
        yield effect(
            "service.delete",
            shown(url),
            command,
            target=first_known((("host", host), ("path", url)), scene),
            verb=method,
            by="http",
            kind=kind,
        )
    if files or fed:
        away = any(place(path, command.cwd, scene.call.context.cwd).scope not in _NEAR for path in files)
        yield effect("net.egress", shown(url), command, files=files, elsewhere=away, fed=fed, **attributes)
    elif sent or method in ("POST", "PUT", "PATCH"):
        yield effect(
            "net.egress",
            shown(url),
            command,
            files=(),
            unknown=any(UNKNOWN in body for body in sent),
            **attributes,
        )
    elif UNKNOWN in url and UNKNOWN not in host:
        yield effect("net.egress", shown(url), command, files=(), unknown=True, inline=True, **attributes)
    elif url.partition("://")[0] in ("gopher", "dict", "tftp", "telnet", "smtp", "ldap"):
        yield effect("net.egress", shown(url), command, files=(), odd=True, **attributes)
    elif url:
        yield effect("net.fetch", shown(url), command, **attributes)


def netcat(command: Command, _scene: Scene) -> Iterator[Effect]:
    """`nc`, `ncat`, `socat`: listen, connect, hand a program to the other end."""
    given = options(
        command.words, ("-p", "-e", "-c", "--exec", "--sh-exec", "-w", "-s", "-q", "-x", "-X", "-i")
    )
    words = " ".join(command.words)
    runs = given.value("-e", "-c", "--exec", "--sh-exec") or any(
        mark in words.lower() for mark in ("exec:", "system:")
    )
    if runs:
        yield effect("net.reverse_shell", words, command)
    elif given.has("-l", "--listen") or "listen" in words.lower():
        yield effect("net.listen", words, command)
    elif not given.has("-z"):
        host = given.words[0] if given.words else ""
        fed = command.stdin is not None or any(one.op == "<" for one in command.redirects)
        yield effect(
            "net.egress",
            words,
            command,
            host=host,
            kind=kind_of(host),
            files=tuple(r.path for r in command.redirects if r.op == "<"),
            fed=fed,
            raw=True,
        )


def remote_copy(command: Command, _scene: Scene) -> Iterator[Effect]:
    """`scp`, `rsync`, `sftp`, `rcp`: a local file goes to a remote end."""
    given = options(
        command.words,
        ("-P", "-i", "-o", "-F", "-l", "-e", "--rsh", "--exclude", "--include", "-S", "-c", "-J"),
    )
    if len(given.words) > 1 and _remote(given.words[-1]) and not _remote(given.words[0]):
        host = host_of(given.words[-1])
        yield effect(
            "net.egress",
            given.words[-1],
            command,
            host=host,
            kind=kind_of(host),
            files=given.words[:-1],
            elsewhere=True,
            copy=True,
        )


def _remote(path: str) -> bool:
    head = path.partition(":")[0]
    return ":" in path and "/" not in head and len(head) > 1


def transfer(command: Command, _scene: Scene) -> Iterator[Effect]:
    """`ftp`, `tftp`, `lftp`, `smbclient`, `telnet`, `rlogin`, `whois`, ...: data goes by protocols nobody looks at."""
    words = " ".join(command.words)
    text = f"{words} {command.stdin or ''}"
    if any(verb in text for verb in ("put ", "mput ", "mirror -R", "send ")) or command.name in (
        "tftp",
        "rlogin",
        "ftp",
        "cancel",
        "finger",
    ):
        host = next((word for word in command.words if word[:1] != "-"), "")
        yield effect(
            "net.egress",
            words,
            command,
            host=host_of(host),
            kind=kind_of(host_of(host)),
            files=("put",),
            elsewhere=True,
            raw=True,
        )


def tunnel(command: Command, _scene: Scene) -> Iterator[Effect]:
    """Programs that open this machine to the outside."""
    words = command.words
    if command.name == "code" and "tunnel" not in words:
        return
    if command.name == "cloudflared" and "tunnel" not in words:
        return
    if command.name == "tailscale" and not {"funnel", "serve", "up"} & set(words):
        return
    yield effect("net.listen", " ".join((command.name, *words))[:200], command, tunnel=True)


def ssh(command: Command, _scene: Scene) -> Iterator[Effect]:
    """`ssh`: port forwards; stdin that goes to another host; options that run programs here."""
    given = options(
        command.words,
        (
            "-i",
            "-p",
            "-l",
            "-o",
            "-F",
            "-L",
            "-R",
            "-D",
            "-J",
            "-W",
            "-b",
            "-c",
            "-E",
            "-e",
            "-I",
            "-m",
            "-S",
            "-w",
        ),
    )
    for said in given.all("-o"):
        name, _, value = said.partition("=")
        if name.lower() in ("proxycommand", "localcommand", "knownhostscommand"):
            yield effect("exec.shell", value, command, by="ssh option")
    if "sshpass" in command.via:
        yield effect(
            "privilege.escalate", " ".join(given.words[:1]), command, how="password on the command line"
        )
    if given.has("-R", "-D", "-w"):
        yield effect("net.listen", " ".join(command.words), command, tunnel=True)
    fed = command.stdin is not None or any(one.op == "<" for one in command.redirects)
    if fed and given.words:
        host = host_of(given.words[0])
        yield effect(
            "net.egress",
            given.words[0],
            command,
            host=host,
            kind=kind_of(host),
            fed=True,
            files=tuple(r.path for r in command.redirects if r.op == "<"),
            raw=True,
        )


def sniff(command: Command, _scene: Scene) -> Iterator[Effect]:
    """Programs that record or redirect traffic."""
    if {"--help", "--version", "-h", "-D"} & set(command.words):
        return
    if command.name in ("tcpdump", "tshark") and "-r" in command.words:
        return
    yield effect("net.sniff", " ".join((command.name, *command.words))[:200], command)


def serve(command: Command, _scene: Scene) -> Iterator[Effect]:
    """Programs that hand out this directory to whoever asks."""
    words = command.words
    if (
        command.name.startswith("python")
        and words[:2] in (("-m", "http.server"), ("-m", "SimpleHTTPServer"), ("-m", "pyftpdlib"))
    ) or (command.name == "php" and "-S" in words):
        yield effect("net.listen", " ".join(words), command, directory=True)
    elif command.name in ("httpd", "busybox-httpd", "webfsd", "updog", "darkhttpd"):
        yield effect("net.listen", " ".join(words), command, directory=True, bare=True)


def reverse_shell(command: Command, _scene: Scene) -> Iterator[Effect]:
    """What the readers of languages call a shell that is tied to a socket."""
    yield effect("net.reverse_shell", " ".join(command.words), command)


def zsh_socket(command: Command, _scene: Scene) -> Iterator[Effect]:
    """`zmodload zsh/net/tcp`, `ztcp HOST PORT`: zsh's own sockets."""
    if command.name == "ztcp" or any("net/" in word for word in command.words):
        host = command.words[0] if command.name == "ztcp" and command.words else ""
        yield effect(
            "net.egress", " ".join(command.words), command, host=host, kind="outside", files=(), raw=True
        )


def mail(command: Command, _scene: Scene) -> Iterator[Effect]:
    """`mail`, `mutt`, `sendmail`: a message, with what is fed or attached."""
    words = options(command.words, ("-s", "-a", "-A", "-r", "-c", "-b", "-S"))
    to = next((word for word in words.words if "@" in word), "")
    if to or command.name == "sendmail":
        yield effect("message.send", to, command)
        files = (*words.all("-a", "-A"), *(r.path for r in command.redirects if r.op == "<"))
        yield effect(
            "net.egress",
            to,
            command,
            host=to.rpartition("@")[2],
            kind="outside",
            files=files,
            fed=command.stdin is not None,
        )


READERS: Mapping[str, Reader] = (
    dict.fromkeys(("curl", "wget", "wget2", "aria2c", "http", "https", "xh", "httpie"), http)
    | dict.fromkeys(("nc", "ncat", "netcat", "socat", "nc.traditional", "nc.openbsd", "pwncat"), netcat)
    | dict.fromkeys(("scp", "sftp", "rcp"), remote_copy)
    | dict.fromkeys(("ftp", "tftp", "lftp", "smbclient", "rlogin", "cancel", "finger", "telnet", "ncftpput"), transfer)
    | dict.fromkeys(("ngrok", "cloudflared", "localtunnel", "lt", "devtunnel", "bore", "frpc", "chisel", "code", "tailscale", "serveo", "pagekite", "zrok"), tunnel)
    | dict.fromkeys(("tcpdump", "tshark", "dumpcap", "ettercap", "arpspoof", "bettercap", "mitmproxy", "mitmdump", "dsniff", "ngrep", "wireshark", "filtercap", "airodump-ng"), sniff)
    | dict.fromkeys(("mail", "mailx", "mutt", "sendmail", "swaks", "msmtp", "s-nail"), mail)
    | dict.fromkeys(("php", "httpd", "webfsd", "updog", "darkhttpd", "python", "python2", "python3"), serve)
    | {"ztcp": zsh_socket, "zmodload": zsh_socket, "ssh": ssh, "reverse-shell": reverse_shell}
)  # fmt: skip
