"""Files that hold credentials, and programs that would show, take or send what is in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from flyball_sdk.guard.effect import Effect
from flyball_sdk.guard.effects.make import Reader, effect
from flyball_sdk.guard.linear import Pattern
from flyball_sdk.guard.scene import Scene
from flyball_sdk.guard.shell.command import Command

# A quick look: a word without one of these names no secret.
MARKS = (
    r"\.ssh|id_(?:rsa|dsa|ecdsa|ed25519)|\.aws|\.env|credential|shadow|\.netrc|\.kube|\.docker/config|\.npmrc|\.pypirc|\.pgpass|\.my\.cnf|gnupg|\.pem|"
    r"\.key|\.p12|\.pfx|\.keystore|\.jks|secret|token|passw|gcloud|\.azure|keychain|login\.keyring|\.git-credentials|environ|\.vault|hosts\.yml|"
    r"logins\.json|Login Data|key[34]\.db|Cookies|\.kdbx?|master\.key|sudoers|\.tfstate|\.tfvars|krb5|keytab|\.boto|\.s3cfg|oauth|authinfo|rclone\.conf|"
    r"service.account|\.bash_history|\.zsh_history|\.history|wp-config|/SAM\b|NTDS"
)
_MARKS = re.compile(MARKS, re.IGNORECASE)
_MARKED = Pattern(f"(?i){MARKS}")
_CRITICAL = re.compile(
    r"""(?x)
    (?:^|/)id_(?:rsa|dsa|ecdsa|ed25519)(?:_\w+)?$ | (?:^|/)\.ssh/(?!config$|known_hosts|authorized_keys|.*\.pub$)[^/]*$ | (?:^|/)\.ssh/?\*?$ |
    \.aws/credentials | \.aws/?$ | \.aws/\*$ | /etc/g?shadow-?$ | /etc/master\.passwd$ | (?:^|/)\.netrc$ | \.git-credentials$ | \.kube/config$ | \.docker/config\.json$ |
    \.npmrc$ | \.pypirc$ | \.pgpass$ | \.my\.cnf$ | \.gnupg(?:/|$) | \.config/gcloud(?:/|$) | \.azure(?:/|$) | \.config/gh/hosts\.yml$ |
    /etc/ssl/private/ | \.(?:p12|pfx|jks|keystore|kdbx?|keytab)$ | logins\.json$ | Login\ Data | key[34]\.db$ | Cookies(?:\.binarycookies)?$ |
    [Kk]eychain | \.vault-token$ | \.s3cfg$ | \.boto$ | /proc/(?:self|\d+|\*)/(?:environ|mem)$ | /run/secrets/ | /var/run/secrets/ | master\.key$ | rclone\.conf$ |
    \.authinfo | \.rhosts$ | /etc/sudoers | \.terraform\.d/credentials | \.config/op(?:/|$) | \.password-store(?:/|$) | ssh_host_\w+_key$ | opasswd$ |
    application_default_credentials | \.config/doppler | \.fly/config\.yml | \.cargo/credentials | \.gem/credentials | \.m2/settings(?:-security)?\.xml$ | NTDS\.dit
    """
)
_ENV = re.compile(
    r"(?:^|/)\.env(?:\.(?!example|sample|template|dist|test|defaults?|schema|md)[\w.-]+)?$|(?:^|/)\.envrc$"
)
_LIKELY = re.compile(
    r"(?i)(?:^|/)(?:credentials?|secrets?|passwords?|passwd|tokens?|api[_-]?keys?|service[_-]?account[\w-]*|client[_-]?secret[\w-]*)\.(?:json|ya?ml|txt|toml|ini|csv|env|conf|cfg|properties|db|enc|dat)$"
    r"|(?:^|/)[\w.-]*\.(?:pem|key)$|terraform\.tfstate(?:\.backup)?$|\.(?:bash|zsh|mysql|psql|python)_history$|/var/lib/mysql/|wp-config\.php$|(?:^|/)secrets?/[\w./-]+$"
)
# programs that do not show what a file holds
_BLIND = frozenset({
    "ls", "stat", "chmod", "chown", "chgrp", "touch", "mkdir", "rmdir", "rm", "test", "[", "[[", "file", "find", "cd", "ssh-add", "ssh-keygen", "ssh", "sudo",
    "echo", "printf", "git", "which", "dirname", "basename", "realpath", "readlink", "du", "df", "wc", "md5sum", "sha256sum", "sha1sum", "cksum", "exa", "eza",
    "lsd", "tree", "locate", "export", "kubectl", "helm", "docker", "terraform", "aws", "vault", "op", "doppler", "gcloud", "az", "gh", "npm", "pytest", "make",
    "pgrep", "ps", "man", "type", "command", "set", "unset", "source", ".", "shred", "mount", "umount", "chattr", "getfacl", "inotifywait", "useradd", "env",
    "docker-compose", "podman", "node", "go", "cargo", "certbot", "systemctl", "service", "mkcert", "alias", "trap", "psql", "mysql", "true", "false", "sleep",
    "fork-bomb", "cp-to-self", "nginx", "uvicorn", "gunicorn", "ansible", "ansible-playbook", "ansible-vault", "sops", "age", "restic", "rclone", "velero", "say",
})  # fmt: skip
_TAKES_PATTERN = frozenset(
    {
        "grep",
        "egrep",
        "fgrep",
        "rg",
        "ag",
        "ack",
        "sed",
        "awk",
        "gawk",
        "perl",
        "ruby",
        "python",
        "python3",
        "jq",
        "yq",
    }
)
_SCRIPTED = frozenset(
    {
        "python",
        "python3",
        "python2",
        "perl",
        "ruby",
        "node",
        "php",
        "awk",
        "gawk",
        "sh",
        "bash",
        "zsh",
        "dash",
        "ksh",
        "fish",
    }
)


def sensitivity(path: str) -> str:
    """`critical` (a key or password file), `env` (settings with secrets), `likely` (by its name), or ""."""
    if not _MARKS.search(path):
        return ""
    if _CRITICAL.search(path) and not path.endswith((".pub", ".example", ".sample", ".template")):
        return "critical"
    if _ENV.search(path):
        return "env"
    return "likely" if _LIKELY.search(path) else ""


def read_by(command: Command) -> Iterator[Effect]:
    """Every secret file that the words or the redirects of a command name, unless the program shows nothing of it."""
    for one in command.redirects:
        if one.op in ("<", "<>") and (kind := sensitivity(one.path)):
            yield effect("secret.read", one.path, command, kind=kind)
    if command.name in _BLIND:
        return
    if not _MARKED.search(" ".join(command.words)):
        return
    searched = command.name in _TAKES_PATTERN and command.name not in _SCRIPTED
    for word in command.words:
        pattern, searched = searched and word[:1] != "-", searched and word[:1] == "-"
        if not _MARKS.search(word) or (pattern and not word.startswith(("/", "~", "."))):
            continue
        path = (
            word[word.find("@") + 1 :]
            if "@" in word and "://" not in word
            else word.removeprefix("file://").removeprefix("fileb://")
        )
        if path.startswith("--") and "=" in path:
            path = path.partition("=")[2]
        if " " in path and command.name in _SCRIPTED:
            continue
        kind = sensitivity(path)
        if kind and not _only_target(command, word):
            yield effect("secret.read", path, command, kind=kind, by=command.name)


def _only_target(command: Command, word: str) -> bool:
    """A path that is written, not read: the last word of cp and mv, the words of tee."""
    if command.name in ("cp", "mv", "install", "ln", "scp", "rsync"):
        return word == command.words[-1] and len(command.words) > 1
    return command.name in ("tee", "dd") and not word.startswith("if=")


def keyring(command: Command, _scene: Scene) -> Iterator[Effect]:
    """Programs that hand out stored passwords."""
    words = " ".join(command.words)
    if command.name == "security" and not any(
        one in words
        for one in (
            "dump-keychain",
            "find-generic-password",
            "find-internet-password",
            "export",
            "find-certificate",
        )
    ):
        return
    if command.name == "secret-tool" and not words.startswith(("lookup", "search")):
        return
    if command.name == "gpg" and "--export-secret" not in words:
        return
    yield effect("secret.read", f"{command.name} {words}"[:120], command, kind="critical")


_THIEVES = frozenset({"lazagne.py", "lazagne", "mimipenguin", "mimipenguin.sh", "mimipenguin.py", "linpeas.sh", "pypykatz", "secretsdump.py", "unshadow", "john", "hashcat",
                      "gcore", "procdump", "keychaindump", "firefox_decrypt.py", "chainbreaker.py", "truffleproc.sh"})  # fmt: skip


def thief(command: Command, _scene: Scene) -> Iterator[Effect]:
    """Programs made to collect passwords, started by name or by an interpreter."""
    for word in (command.name, *command.words[:1]):
        if word.rpartition("/")[2].lower() in _THIEVES:
            yield effect("secret.read", word, command, kind="critical")
            return


READERS: Mapping[str, Reader] = dict.fromkeys(("security", "secret-tool", "gpg"), keyring) | dict.fromkeys(
    (*_THIEVES, "laZagne.py", "python", "python3", "bash", "sh"), thief
)
