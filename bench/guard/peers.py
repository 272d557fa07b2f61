"""The peers that install here, each asked about the same commands, in its own process."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

BUILD = Path("build/peers")
INSTALL_SECONDS_MAX = 300
ASK_SECONDS_MAX = 1_200

# What teams write down first: twenty patterns, as a list of denied commands holds them.
TWENTY = tuple(
    re.compile(one)
    for one in (
        r"\brm\s+-[a-zA-Z]*r[a-zA-Z]*f|\brm\s+-[a-zA-Z]*f[a-zA-Z]*r", r"\brm\s+--recursive", r"\bgit\s+push\b.*(--force|-f)\b", r"\bgit\s+reset\s+--hard", r"\bgit\s+clean\s+-\w*f",
        r"\bterraform\s+(destroy|apply)\b", r"\bkubectl\s+delete\b", r"\bdrop\s+(table|database|schema)\b", r"\btruncate\s+table\b", r"\bmkfs", r"\bdd\b.*\bof=/dev/", r">\s*/dev/sd",
        r"\bchmod\s+(-R\s+)?777\b", r"\b(curl|wget)\b.*\|\s*(sudo\s+)?(ba|z)?sh\b", r":\(\)\s*\{", r"\bshutdown\b|\breboot\b", r"\baws\b.*\b(delete|terminate|rb)\b", r"\.ssh/id_|/etc/shadow|\.aws/credentials",
        r"\bsudo\s+su\b", r"\bnc\b.*\s-e\b",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What a peer said of each command (`allow`, `ask`, `block`), and how long each took in milliseconds."""

    name: str
    version: str
    said: Sequence[str]
    ms: Sequence[float]


def regexes(commands: Sequence[str]) -> Asked:
    """The list of twenty."""
    said: list[str] = []
    ms: list[float] = []
    for command in commands:
        begin = time.perf_counter_ns()
        said.append("block" if any(one.search(command) for one in TWENTY) else "allow")
        ms.append((time.perf_counter_ns() - begin) / 1e6)
    return Asked("regex list (20)", "", said, ms)


_NODE = """
import { checkCommand } from 'cc-safety-net/api';
import { readFileSync, writeFileSync } from 'node:fs';
const [from, to] = process.argv.slice(2);
const said = [], ms = [];
for (const command of JSON.parse(readFileSync(from, 'utf8'))) {
  const begin = process.hrtime.bigint();
  let kind = 'allow';
  try { kind = checkCommand({ command, cwd: process.cwd() }).kind } catch { kind = 'error' }
  ms.push(Number(process.hrtime.bigint() - begin) / 1e6);
  said.push(kind === 'deny' ? 'block' : kind);
}
writeFileSync(to, JSON.stringify({ said, ms }));
"""
_PYTHON = """
import json, sys, time
from nah.config import use_defaults
from nah.bash import classify_command
use_defaults()
said, ms = [], []
for command in json.load(open(sys.argv[1])):
    begin = time.perf_counter_ns()
    try:
        kind = classify_command(command).final_decision
    except Exception:
        kind = 'error'
    ms.append((time.perf_counter_ns() - begin) / 1e6)
    said.append(kind)
json.dump({'said': said, 'ms': ms}, open(sys.argv[2], 'w'))
"""


def safety_net(commands: Sequence[str]) -> Asked | str:
    """cc-safety-net, from npm; or why it was not asked."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return "cc-safety-net: no node and npm here"
    home = BUILD / "npm"
    package = home / "node_modules/cc-safety-net/package.json"
    if not package.exists():
        home.mkdir(parents=True, exist_ok=True)
        _run([npm, "install", "--silent", "--prefix", str(home), "cc-safety-net"])
    if not package.exists():
        return "cc-safety-net: npm could not install it"
    (home / "ask.mjs").write_text(_NODE)
    return _asked(
        "cc-safety-net", json.loads(package.read_text())["version"], [node, str(home / "ask.mjs")], commands
    )


def nah(commands: Sequence[str]) -> Asked | str:
    """nah, from the package index; or why it was not asked."""
    home = BUILD / "nah"
    python = home / "bin/python"
    if not python.exists():
        _run([".uv/bin/uv", "venv", "--quiet", "--python", sys.executable, str(home)])
        _run([".uv/bin/uv", "pip", "install", "--quiet", "--python", str(home), "nah"])
    version = _run([str(python), "-c", "import importlib.metadata as m; print(m.version('nah'))"])
    if not version:
        return "nah: could not be installed"
    (home / "ask.py").write_text(_PYTHON)
    return _asked("nah", version.strip(), [str(python), str(home / "ask.py")], commands)


def _run(words: Sequence[str]) -> str:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=INSTALL_SECONDS_MAX, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _asked(name: str, version: str, words: Sequence[str], commands: Sequence[str]) -> Asked | str:
    source, answer = BUILD / "commands.json", BUILD / f"{name}.json"
    source.write_text(json.dumps(list(commands)))
    answer.unlink(missing_ok=True)
    subprocess.run(
        [*words, str(source), str(answer)], timeout=ASK_SECONDS_MAX, check=False, capture_output=True
    )
    if not answer.exists():
        return f"{name}: gave no answer"
    found = json.loads(answer.read_text())
    return Asked(name, version, found["said"], found["ms"])


PEERS: tuple[Callable[[Sequence[str]], Asked | str], ...] = (regexes, safety_net, nah)
