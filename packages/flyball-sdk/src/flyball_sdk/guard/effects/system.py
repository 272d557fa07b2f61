"""The machine itself: rights, accounts, services, protection, what stays behind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from flyball_sdk.guard.effect import Effect
from flyball_sdk.guard.effects.make import Reader, effect
from flyball_sdk.guard.effects.options import options
from flyball_sdk.guard.effects.paths import place
from flyball_sdk.guard.scene import Scene
from flyball_sdk.guard.shell.command import Command

# Files whose contents run later, or decide who may come in.
PERSISTENT = re.compile(
    r"""(?x)
    (?:^|/)\.(?:shrc|bashrc|bash_profile|bash_login|bash_logout|profile|zshrc|zshenv|zprofile|zlogin|zlogout|cshrc|tcshrc|kshrc|xinitrc|xprofile|xsession|inputrc|vimrc)$ |
    ^/etc/(?:profile|bash\.bashrc|bashrc|zsh|csh|rc\.local|rc\.d|rc\.common|init\.d|cron|at\.|anacrontab|inittab|emond|periodic|environment$|shells$) |
    ^/var/spool/(?:cron|at) | /systemd/(?:system|user)/.*\.(?:service|timer|path|socket)$ | ^/(?:etc|usr/lib|lib)/systemd/ |
    (?:^|/)\.ssh/(?:authorized_keys2?|rc|environment|config)$ | ^/etc/ld\.so\.(?:preload|conf) | ^/etc/pam\.d/ | ^/etc/security/ | /security/pam | ^/etc/sudoers | ^/etc/udev/ |
    ^/etc/(?:passwd|group|shadow|gshadow|master\.passwd)$ | /Launch(?:Agents|Daemons)/ | (?:^|/)\.config/(?:autostart|systemd|fish)/ | ^/etc/xdg/autostart |
    ^/usr/lib/python3[^/]*/(?:site|dist)-packages/.*\.pth$ | (?:^|/)(?:usercustomize|sitecustomize)\.py$ | \.pth$ | (?:^|/)\.git/hooks/ | ^/etc/modules | ^/etc/modprobe\.d |
    ^/etc/ssh/sshd_config | ^/etc/apt/apt\.conf\.d | ^/etc/update-motd\.d | ^/etc/NetworkManager/dispatcher | ^/etc/hosts\.(?:allow|deny) | loginwindow | StartupItems
    """
)
# Files whose contents decide what is protected or recorded.
DEFENSIVE = re.compile(
    r"(?x) ^/etc/(?:ufw|default/ufw|iptables|nftables|firewalld|audit|selinux|apparmor|rsyslog|syslog|fail2ban|hosts$|resolv\.conf|nsswitch|sysctl|logrotate|pf\.conf)"
    r"| ^/var/log/ | (?:^|/)\.(?:bash|zsh|sh)_history$ | ^/proc/sys/ | ^/sys/kernel/security | ^/var/spool/mail | ^/etc/clamav | /var/audit | ^/etc/security/audit"
)


def writes(path: str, command: Command, *, append: bool) -> Iterator[Effect]:
    """What it means that this path is written."""
    if PERSISTENT.search(path):
        yield effect("system.persist", path, command, append=append)
    elif DEFENSIVE.search(path):
        yield effect("system.defense", path, command, append=append)
    elif path.startswith(("/proc/sysrq-trigger", "/sys/power/state")):
        yield effect("system.stop", path, command)
    elif path.startswith(("/dev/tcp/", "/dev/udp/")):
        yield effect(
            "net.egress",
            path,
            command,
            host=path.split("/")[3] if path.count("/") > 3 else "",
            kind="outside",
            files=(),
            raw=True,
            fed=True,
        )


def systemctl(command: Command, _scene: Scene) -> Iterator[Effect]:
    """`systemctl`, `service`, `launchctl`, `rc-service`."""
    verb, *units = options(command.words, ("-p", "-t", "--type", "--state", "-M", "-H", "-n")).words or ("",)
    if command.name in ("service", "rc-service") and units:  # `service UNIT VERB`, `systemctl VERB UNIT...`
        verb, units = units[0], [verb]
    what = " ".join(units) or verb
    protective = re.search(
        r"(?i)auditd|rsyslog|syslog|ufw|firewalld|iptables|nftables|fail2ban|apparmor|selinux|clamav|falcon|osquery|wazuh|cbdaemon|crowdstrike|defender|sysmon",
        what,
    )
    if verb in (
        "stop",
        "disable",
        "mask",
        "kill",
        "poweroff",
        "reboot",
        "halt",
        "suspend",
        "hibernate",
        "isolate",
        "unload",
        "bootout",
        "kexec",
        "onestop",
    ):
        yield effect(
            "system.defense" if protective else "system.stop",
            what,
            command,
            verb=verb,
            whole=verb in ("poweroff", "reboot", "halt", "kexec"),
        )
    elif verb in ("enable", "link", "edit", "load", "bootstrap", "submit", "preset"):
        yield effect("system.persist", what, command, verb=verb)
    elif verb in ("start", "restart", "onestart") and re.search(
        r"^(?:tor|i2pd?|ngrok|teamviewerd?|anydesk|xrdp|vncserver.*)(?:@|\.|$)", what
    ):
        yield effect("net.listen", what, command, tunnel=True)


def stop(command: Command, _scene: Scene) -> Iterator[Effect]:
    """`shutdown`, `reboot`, `halt`, `poweroff`, `init 0`."""
    if command.name in ("init", "telinit") and command.words[:1] not in (("0",), ("6",), ("1",)):
        return
    if not {"-c", "--help", "-k"} & set(command.words):
        yield effect("system.stop", " ".join((command.name, *command.words)), command, whole=True)


def kill(command: Command, _scene: Scene) -> Iterator[Effect]:
    """`kill`, `pkill`, `killall`: by number it is one process; by name, or -1, it is many."""
    if {"-l", "-L", "-0", "--help", "--list"} & set(command.words):
        return
    many = "-1" in command.words[1:] or (command.name in ("killall5", "slay"))
    protective = re.search(
        r"(?i)auditd|syslog|falcon|osquery|wazuh|clamd|defender|sysmon|crowdstrike", " ".join(command.words)
    )
    if protective:
        yield effect("system.defense", " ".join(command.words), command)
    daemons = not _DAEMONS.isdisjoint(word.strip("^$") for word in command.words)
    wide = daemons or "-u" in command.words or "--user" in command.words
    yield effect(
        "process.kill",
        " ".join(command.words),
        command,
        by_name=command.name != "kill",
        many=many or wide or "1" in command.words,
    )


_DAEMONS = frozenset({"cron", "crond", "sshd", "systemd", "systemd-journald", "dbus-daemon", "init", "launchd", "dockerd", "containerd", "kubelet",
                      "postgres", "mysqld", "NetworkManager", "rsyslogd", "syslogd"})  # fmt: skip


def account(command: Command, _scene: Scene) -> Iterator[Effect]:
    """Programs that make, change or delete users and groups."""
    words = command.words
    if (
        not command.name.startswith("ldap")
        and {"--help", "-D", "-l", "-S", "--status", "-read", "-list"} & set(words)
        and command.name
        not in (
            "gpasswd",
            "chage",
        )
    ):
        return
    if command.name == "dscl" and not {"-create", "-append", "-delete", "-change", "-passwd"} & set(words):
        return
    if command.name == "pw" and not any(
        word.startswith(("user", "group", "add", "del", "mod", "lock")) for word in words
    ):
        return
    yield effect("system.account", " ".join((command.name, *words))[:160], command)


def defense(command: Command, _scene: Scene) -> Iterator[Effect]:
    """Firewalls, audit, SELinux: what only looks is let through."""
    words = " ".join(command.words)
    if command.name in _LOOKS and re.search(_LOOKS[command.name], f" {words} "):
        return
    if command.name in _ACTS and not re.search(_ACTS[command.name], f" {words} "):
        return
    yield effect("system.defense", f"{command.name} {words}"[:160], command)


_LOOKS = {
    "iptables": r" (-L|-S|--list|--list-rules|-C|--check|-V|--version|-h|--help) | -n?v?L|-nvL|-vnL", "ip6tables": r" (-L|-S|--list|-C) ",
    "ufw": r"^ (status|show|version|app)\b| --dry-run ", "nft": r" list ", "getenforce": r".*", "pfctl": r" (-s|-sr|-sa|-n|-vnf)\b",
    "firewall-cmd": r" --(list|get|query|state|info|help)", "auditctl": r" (-s|-l|--status|-v) ", "aa-status": r".*", "journalctl": r"^(?!.*--vacuum|.*--rotate|.*--flush)",
    "fail2ban-client": r" (status|get|ping|version) ", "chkconfig": r" --list",
}  # fmt: skip
_ACTS = {
    "history": r" -(c|d|w|a)\w*\b", "sysctl": r" (-w|-p|--write|--system|--load)\b|[\w.]+=", "unset": r" (HIST|PROMPT_COMMAND)", "set": r" \+o history", "shopt": r" -u (cmdhist|histappend)",
    "logrotate": r" -f", "auditd": r".", "spctl": r"disable", "csrutil": r"disable", "setsebool": r".", "defaults": r" write ", "tmutil": r"disable|delete",
    "mdutil": r" -i off", "esxcli": r" set ", "systemsetup": r"-set", "networksetup": r"-set", "bcdedit": r"set", "export": r" (HISTFILE=/dev/null|HISTSIZE=0|HISTFILESIZE=0|HISTFILE=( |$)|HISTCONTROL=\S*ignore\w+)", "umount": r"security|debugfs",
    "journalctl": r" --(vacuum|rotate|flush)", "timedatectl": r" set-", "hwclock": r" (-w|--systohc|--set)", "date": r" (-s|--set)\b",
}  # fmt: skip


def kernel(command: Command, _scene: Scene) -> Iterator[Effect]:
    """`insmod`, `modprobe`, `rmmod`, `kextload`, bpf programs."""
    words = command.words
    if {"-n", "--dry-run", "--show-depends", "-c", "-D", "--show", "list", "show", "prog", "feature"} & set(
        words
    ):
        return
    yield effect("system.kernel", " ".join((command.name, *words))[:160], command)


def anonymous(command: Command, _scene: Scene) -> Iterator[Effect]:
    """Programs that join an anonymising network, or run a terminal for others."""
    yield effect("net.listen", " ".join((command.name, *command.words))[:120], command, tunnel=True)


def cron(command: Command, _scene: Scene) -> Iterator[Effect]:
    """`crontab`, `at`, `batch`, `systemd-run`: what is left to run later."""
    given = options(command.words, ("-u", "-f", "-t", "-q", "--unit", "--on-calendar", "--on-active"))
    if command.name == "crontab":
        if given.has("-l") and not given.has("-r", "-e"):
            return
        if given.has("-r"):
            yield effect("file.delete", "all jobs of the crontab", command, scope="system", recursive=True)
            return
        if given.words or command.stdin is not None or given.has("-e"):
            yield effect("system.persist", "crontab", command)
    elif command.name in ("at", "batch"):
        if not given.has("-l", "-d", "-r", "-V", "-c"):
            yield effect("system.persist", f"{command.name} {' '.join(command.words)}", command)
    elif given.has("-S", "--shell", "-t", "--pty"):
        yield effect(
            "privilege.escalate", " ".join((command.name, *command.words))[:160], command, how="systemd-run"
        )
    elif any(flag.startswith("--on-") for flag in given.flags):
        yield effect("system.persist", " ".join(command.words)[:160], command)


def rights(command: Command, _scene: Scene) -> Iterator[Effect]:
    """Programs that hand out rights: `visudo`, `setcap`, `pkexec`, `newgrp`, `capsh`."""
    words = " ".join(command.words)
    if command.name == "capsh" and ("--print" in words or "--decode" in words):
        return
    yield effect("privilege.escalate", f"{command.name} {words}"[:160], command, how=command.name)


def root_shell(command: Command, _scene: Scene) -> Iterator[Effect]:
    """`sudo -i`, `sudo su`, `su USER`: a shell of another user; a program of a temporary directory as root."""
    given = options(command.words, ("-u", "--user", "-g", "-h", "-p", "-C", "-c", "-s", "--shell", "-U"))
    if command.name == "su":
        if not given.has("-c", "--command"):
            yield effect("privilege.escalate", f"su {' '.join(command.words)}".strip(), command, how="su")
        return
    waits = given.has("-i", "-s", "--login", "--shell") and not given.words
    said = f"{command.name} {' '.join(command.words)}"
    if waits or given.words in _ROOT_SHELLS or given.words[:1] == ("su",):
        yield effect("privilege.escalate", said, command, how="root shell")
    elif given.words and place(given.words[0]).scope == "temporary":
        yield effect("privilege.escalate", said, command, how="runs what anybody could have put there")


_ROOT_SHELLS = (("bash",), ("sh",), ("zsh",))


def seek(command: Command, _scene: Scene) -> Iterator[Effect]:
    """`find / -perm -4000`: looks for programs that run with the rights of another."""
    words = command.words
    if "-perm" not in words:
        return
    for at, word in enumerate(words[:-1]):
        if word == "-perm" and re.fullmatch(
            r"[-/]?0?[2467]000|[-/]?[ug]=s|[-/]?\+?[246]000|[-/]u[=+]s(?:,g[=+]s)?", words[at + 1]
        ):
            yield effect(
                "privilege.escalate", " ".join((command.name, *words))[:120], command, how="looks for a way"
            )
            return


def burn(command: Command, _scene: Scene) -> Iterator[Effect]:
    """`yes > /dev/null`: nothing but heat."""
    if any(one.path == "/dev/null" and one.op == ">" for one in command.redirects):
        yield effect("system.exhaust", "yes > /dev/null", command)


def bomb(command: Command, _scene: Scene) -> Iterator[Effect]:
    """Programs that use up the machine."""
    yield effect("system.exhaust", command.name, command)


def container(command: Command, _scene: Scene) -> Iterator[Effect]:
    """`docker run`: what reaches the host from inside."""
    words = command.words
    if not {"run", "create", "exec"} & set(words[:3]):
        return
    text = " ".join(words)
    reach = re.search(
        r"--privileged|--pid[= ]host|--cap-add[= ](?:ALL|SYS_ADMIN|SYS_PTRACE|SYS_MODULE)|docker\.sock|--security-opt[= ]\S*(?:unconfined|disable)|(?:-v|--volume|--mount)[= ]?\S*?(?:source=|src=)?/(?:etc|root|proc|sys|boot|var/run)?(?::|,|\s)|--device[= ]/dev/(?:sd|mem|kmem)|--userns[= ]host",
        text,
    )
    if reach:
        yield effect("container.escape", reach[0], command)


READERS: Mapping[str, Reader] = (
    dict.fromkeys(("systemctl", "service", "launchctl", "rc-service"), systemctl)
    | dict.fromkeys(("shutdown", "reboot", "halt", "poweroff", "init", "telinit"), stop)
    | dict.fromkeys(("kill", "pkill", "killall", "killall5", "skill", "xkill"), kill)
    | dict.fromkeys(("useradd", "adduser", "userdel", "deluser", "usermod", "groupadd", "groupmod", "groupdel", "passwd", "chpasswd", "vipw", "vigr", "gpasswd", "chage",
                     "chsh", "chfn", "newusers", "pw", "dscl", "sysadminctl", "dseditgroup", "dsenableroot", "addgroup", "delgroup", "smbpasswd", "ldapadd", "ldapmodify", "ldapdelete", "ldappasswd", "samba-tool"), account)
    | dict.fromkeys((*_LOOKS, *_ACTS, "setenforce", "aa-disable", "aa-teardown", "aa-complain", "iptables-restore", "ip6tables-restore", "iptables-save-restore", "ipfw"), defense)
    | dict.fromkeys(("insmod", "modprobe", "rmmod", "kextload", "kextunload", "kldload", "kldunload", "kexec", "bpftool", "dkms", "depmod-load"), kernel)
    | dict.fromkeys(("tor", "i2pd", "anydesk", "teamviewer", "x11vnc", "vncserver", "ttyd", "gotty", "tmate", "sshuttle"), anonymous)
    | dict.fromkeys(("crontab", "at", "batch", "systemd-run"), cron)
    | dict.fromkeys(("visudo", "setcap", "pkexec", "newgrp", "sg", "capsh", "dzdo", "run0", "chroot", "sshpass"), rights)
    | dict.fromkeys(("sudo", "su", "doas"), root_shell)
    | dict.fromkeys(("fork-bomb", "stress", "stress-ng"), bomb)
    | {"find": seek, "yes": burn}
    | dict.fromkeys(("docker", "podman", "nerdctl", "ctr", "runc", "crictl"), container)
)  # fmt: skip
