"""Which calls of Python's library act outside the process, and what they amount to as commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from flyball_sdk.guard.shell.acts import Act
from flyball_sdk.guard.shell.command import UNKNOWN, Redirect
from flyball_sdk.guard.shell.folding import Contents, File, Path, Ref, Value, text

_ACTS_MAX = 500


class Surroundings:
    """What the calls of one script have done so far."""

    def __init__(self) -> None:
        self.acts: list[Act] = []
        self.why = ""
        # whether what is read may never be called
        self.guessing = False
        self.star = ""
        self.names_called: set[str] = set()

    def command(self, *words: str) -> None:
        """A command by its words."""
        if not words:
            return
        if len(self.acts) < _ACTS_MAX and not (self.guessing and words[0].startswith(UNKNOWN)):
            if words[0].startswith(UNKNOWN):
                self.why = self.why or "command of python code"
            else:
                self.acts.append(Act(words))

    def code(self, code: str, stdin: str | None = None) -> None:
        """Shell code."""
        if len(self.acts) < _ACTS_MAX and not (self.guessing and code.lstrip().startswith(UNKNOWN)):
            self.acts.append(Act(code=code, stdin=stdin))

    def conclusions(self) -> list[Act]:
        """What the calls together amount to: a socket that becomes the streams of a shell."""
        called = self.names_called
        connects = any(name.startswith("socket.") for name in called)
        if connects and called & {"os.dup2", "pty.spawn"}:
            return [Act(("reverse-shell",))]
        return []


Named = Mapping[str, Value]
Handler = Callable[[Surroundings, "list[Value]", Named], Value]


def _first(values: list[Value], named: Named, *names: str) -> Value:
    return values[0] if values else next((named[name] for name in names if name in named), None)


def _shell(here: Surroundings, values: list[Value], named: Named) -> Value:
    here.code(text(_first(values, named, "command", "cmd", "args")))
    return UNKNOWN


def _process(here: Surroundings, values: list[Value], named: Named) -> Value:
    """`subprocess.run` and its like: a list, or a text that a shell takes apart if `shell` is true."""
    command = _first(values, named, "args", "command")
    stdin = text(named["input"]) if "input" in named else None
    if isinstance(command, list):
        words = [text(value) for value in command]
        if named.get("shell") and words:
            here.code(words[0], stdin)
        elif words and not words[0].startswith(UNKNOWN):
            here.acts.append(Act(tuple(words), stdin=stdin))
        elif words and not here.guessing:
            here.command(*words)
    elif (isinstance(command, str) and ("shell" in named or " " not in command)) or isinstance(command, str):
        here.code(command, stdin)
    elif not here.guessing and "shell" in named:
        here.why = here.why or "command of python code"
    return UNKNOWN


def _execute(here: Surroundings, values: list[Value], _named: Named) -> Value:
    """`os.execv(path, [..])`, `os.execlp(file, arg0, ..)`, `os.spawnv(mode, path, [..])`."""
    values = values[1:] if values and isinstance(values[0], (int, Ref)) else values
    if not values:
        return None
    rest = values[1] if len(values) > 1 and isinstance(values[1], list) else values[1:]
    words = [text(value) for value in rest if isinstance(value, (str, bytes)) or value is None]
    here.command(text(values[0]), *words[1:])
    return None


def _spawn(here: Surroundings, values: list[Value], _named: Named) -> Value:
    command = values[0] if values else None
    if isinstance(command, list):
        here.command(*map(text, command))
    elif command is not None:
        here.code(text(command))
    return None


def _create(here: Surroundings, values: list[Value], _named: Named) -> Value:
    here.command(*(map(text, values) if values else [UNKNOWN]))
    return UNKNOWN


def _command(*words: str) -> Handler:
    """A call that is a command on the paths it is given."""

    def act(here: Surroundings, values: list[Value], named: Named) -> Value:
        paths = [text(value) for value in (values or list(named.values()))[:2]]
        here.command(*words, *(paths[:1] if words[0] in {"rm", "rmdir", "mkdir", "cat", "touch"} else paths))
        return None

    return act


def _chmod(here: Surroundings, values: list[Value], _named: Named) -> Value:
    mode = values[1] if len(values) > 1 else None
    here.command(
        "chmod", f"{mode:o}" if isinstance(mode, int) else UNKNOWN, text(values[0]) if values else UNKNOWN
    )
    return None


def _kill(here: Surroundings, values: list[Value], _named: Named) -> Value:
    signal = values[1] if len(values) > 1 else 15
    name = signal.name.rpartition(".SIG")[2] if isinstance(signal, Ref) else text(signal)
    here.command("kill", f"-{name}", text(values[0]) if values else UNKNOWN)
    return None


def _open(here: Surroundings, values: list[Value], named: Named) -> Value:
    if isinstance(_first(values, named, "file"), int):
        return None
    path = text(_first(values, named, "file"))
    mode = text(values[1] if len(values) > 1 else named.get("mode", "r"))
    write = any(letter in mode for letter in "wxa+")
    if write:
        here.acts.append(Act(redirects=(Redirect(">>" if "a" in mode else ">", path),)))
    else:
        here.command("cat", path)
    return File(path, write)


def _read(_here: Surroundings, values: list[Value], _named: Named) -> Value:
    file = values[0]
    return Contents.of(file.path) if isinstance(file, File) else UNKNOWN


def _path_open(here: Surroundings, values: list[Value], named: Named) -> Value:
    return _open(here, values, named)


def _path_read(here: Surroundings, values: list[Value], _named: Named) -> Value:
    path = text(values[0])
    here.command("cat", path)
    return Contents.of(path)


def _path_write(here: Surroundings, values: list[Value], _named: Named) -> Value:
    here.acts.append(Act(redirects=(Redirect(">", text(values[0])),)))
    return None


def _path_list(_here: Surroundings, values: list[Value], _named: Named) -> Value:
    pattern = text(values[1]) if len(values) > 1 else UNKNOWN
    return [Path(f"{text(values[0]).rstrip('/')}/{pattern}")]


def _path(_here: Surroundings, values: list[Value], _named: Named) -> Value:
    parts = [text(value) for value in values]
    return Path("/".join(part.rstrip("/") or "/" for part in parts) if parts else ".")


def _same_path(_here: Surroundings, values: list[Value], _named: Named) -> Value:
    return values[0] if values else None


def _web(method: str) -> Handler:
    def act(here: Surroundings, values: list[Value], named: Named) -> Value:
        rest = list(values)
        verb = method or (text(rest.pop(0)).upper() if rest else "GET")
        url = text(rest[0] if rest else named.get("url"))
        data = rest[1] if len(rest) > 1 and method in {"POST", "PUT", "PATCH"} else None
        for name in ("data", "json", "files", "content"):
            data = named.get(name, data)
        sent = data is not None or bool({"data", "json", "files", "content"} & named.keys())
        words = ["curl"]
        if verb not in {"GET", "POST"} or (verb == "POST" and not sent):
            words += ["-X", verb]
        if sent:
            words += ["-d", f"@{data.path}" if isinstance(data, (Contents, File)) else text(data)]
        here.command(*words, url)
        return UNKNOWN

    return act


def _retrieve(here: Surroundings, values: list[Value], _named: Named) -> Value:
    if values:
        here.command("curl", *(["-o", text(values[1])] if len(values) > 1 else []), text(values[0]))
    return UNKNOWN


def _urlopen(here: Surroundings, values: list[Value], named: Named) -> Value:
    target = _first(values, named, "url")
    if target is not None or not here.guessing:
        data = values[1] if len(values) > 1 else named.get("data")
        sent = (
            ["-d", f"@{data.path}" if isinstance(data, Contents) else text(data)]
            if len(values) > 1 or "data" in named
            else []
        )
        here.command("curl", *sent, text(target))
    return UNKNOWN


def _walk(_here: Surroundings, values: list[Value], _named: Named) -> Value:
    root = text(values[0]) if values else "."
    return [[root, [UNKNOWN], [UNKNOWN]]]


def _listing(_here: Surroundings, values: list[Value], _named: Named) -> Value:
    del values
    return [UNKNOWN]


def _glob(_here: Surroundings, values: list[Value], _named: Named) -> Value:
    return [values[0]] if values and isinstance(values[0], str) else [None]


def _module(_here: Surroundings, values: list[Value], _named: Named) -> Value:
    return (
        Ref(text(values[0])) if values and isinstance(values[0], str) and UNKNOWN not in values[0] else None
    )


def _attribute(here: Surroundings, values: list[Value], _named: Named) -> Value:
    if len(values) > 1 and isinstance(values[0], Ref):
        if isinstance(values[1], str) and UNKNOWN not in values[1]:
            return Ref(f"{values[0].name}.{values[1]}")
        if values[0].name in {"os", "subprocess", "shutil"} and not here.guessing:
            here.why = here.why or "python attribute"
    return None


def _session(name: str) -> Handler:
    return lambda _here, _values, _named: Ref(name)


_WEB = {verb.lower(): _web(verb) for verb in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")}
_CALLS: Mapping[str, Handler] = MappingProxyType(
    {
        **dict.fromkeys(("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput",
                         "commands.getoutput", "commands.getstatusoutput", "asyncio.create_subprocess_shell",
                         "pexpect.run", "pexpect.spawn", "posix.system", "nt.system"), _shell),
        **{f"subprocess.{name}": _process for name in ("run", "call", "check_call", "check_output", "Popen")},
        **{f"os.exec{kind}": _execute for kind in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")},
        **{f"os.spawn{kind}": _execute for kind in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")},
        "os.posix_spawn": _execute, "pty.spawn": _spawn, "asyncio.create_subprocess_exec": _create,
        "shutil.rmtree": _command("rm", "-rf"), "os.remove": _command("rm"), "os.unlink": _command("rm"),
        "os.rmdir": _command("rmdir"), "os.removedirs": _command("rmdir", "-p"), "Path.unlink": _command("rm"),
        "Path.rmdir": _command("rmdir"), "os.rename": _command("mv"), "os.replace": _command("mv"),
        "os.renames": _command("mv"), "shutil.move": _command("mv"), "Path.rename": _command("mv"),
        "Path.replace": _command("mv"), "shutil.copy": _command("cp"), "shutil.copy2": _command("cp"),
        "shutil.copyfile": _command("cp"), "shutil.copytree": _command("cp", "-r"), "os.symlink": _command("ln", "-s"),
        "os.link": _command("ln"), "os.truncate": _command("truncate", "-s", "0"), "os.chmod": _chmod,
        "Path.chmod": _chmod, "os.chown": _command("chown"), "shutil.chown": _command("chown"), "os.kill": _kill,
        "os.killpg": _kill, "open": _open, "io.open": _open, "builtins.open": _open, "codecs.open": _open,
        "File.read": _read, "File.readlines": _read, "File.readline": _read, "Path.open": _path_open,
        "Path.read_text": _path_read, "Path.read_bytes": _path_read, "Path.write_text": _path_write,
        "Path.write_bytes": _path_write, "Path.touch": _command("touch"), "Path.glob": _path_list,
        "Path.rglob": _path_list, "Path.iterdir": _path_list, "Path.expanduser": _same_path,
        "Path.resolve": _same_path, "Path.absolute": _same_path, "Path.as_posix": _same_path,
        "Path.joinpath": _path, "pathlib.Path": _path, "pathlib.PosixPath": _path, "pathlib.PurePath": _path,
        "pathlib.Path.home": lambda _here, _values, _named: Path("~"),
        "pathlib.Path.cwd": lambda _here, _values, _named: Path("."),
        **{f"{library}.{verb}": act for library in ("requests", "httpx") for verb, act in _WEB.items()},
        **{f"{library}.request": _web("") for library in ("requests", "httpx")},
        **dict.fromkeys(("requests.Session", "requests.session"), _session("requests")),
        **dict.fromkeys(("httpx.Client", "httpx.AsyncClient"), _session("httpx")),
        **dict.fromkeys(("urllib.request.urlretrieve", "urllib.urlretrieve", "wget.download"), _retrieve),
        **dict.fromkeys(("urllib.request.urlopen", "urllib2.urlopen", "urllib.urlopen"), _urlopen),
        "urllib.request.Request": _same_path, "os.walk": _walk, "os.listdir": _listing, "glob.glob": _glob,
        "glob.iglob": _glob, "__import__": _module, "importlib.import_module": _module, "getattr": _attribute,
        "socket.socket": _session("socket.connection"), "socket.create_connection": _session("socket.connection"),
    }
)  # fmt: skip


def act_of(here: Surroundings, name: str, values: list[Value], named: Named) -> Value:
    """Do in `here` what the call of `name` amounts to; its value, None where it is not known."""
    if len(here.names_called) < _ACTS_MAX:
        here.names_called.add(name)
    handler = _CALLS.get(name)
    return handler(here, values, named) if handler else None
