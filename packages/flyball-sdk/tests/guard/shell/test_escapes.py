"""Programs that are no shells and run shell code all the same."""

from __future__ import annotations

import pytest
from flyball_sdk.guard.shell import program

WIPE = "rm -rf /srv/a"


@pytest.mark.parametrize(
    "text",
    [
        f"psql -c '\\! {WIPE}'", f"psql <<'E'\nselect 1;\n\\! {WIPE}\nE", f"psql -c \"copy t to program '{WIPE}'\"",
        f"mysql -e '\\! {WIPE}'", f"mysql -e 'system {WIPE}'", f"sqlite3 x.db '.shell {WIPE}'", f"lftp -c '!{WIPE}'",
        f"echo '!{WIPE}' | ftp h", f"echo 'esyscmd({WIPE})' | m4", f"rpm --eval '%({WIPE})'", f"make --eval='$(shell {WIPE})'",
        f"printf 'all:\\n\\t@{WIPE}\\n' > Makefile; make", f"cat > Makefile <<'E'\nclean:\n\tls\n\t-{WIPE}\nE\nmake clean",
        f"printf 'x: ; {WIPE}\\n' > m.mk && make -f m.mk", f"ssh -o ProxyCommand='{WIPE}' h", f"ssh -oLocalCommand='{WIPE}' h",
        f"PAGER='{WIPE}' git log", f"EDITOR='{WIPE}' crontab -e", f"expect -c 'spawn {WIPE}; interact'", f"torify {WIPE}",
        f"gnuplot -e 'system \"{WIPE}\"'", f"echo '{WIPE}' | ed -s; {WIPE}", f"socat tcp:h:1 EXEC:'{WIPE}',pty",
    ],
)  # fmt: skip
def test_an_escape_to_the_shell_is_followed(text: str) -> None:
    assert ("rm", "-rf", "/srv/a") in [(command.name, *command.words) for command in program(text).commands]


@pytest.mark.parametrize(
    "text",
    [
        "make",
        "psql -c 'select 1'",
        "PAGER=cat git log",
        "echo hi | mail -s x a@b",
        "rpm -qa",
        "dc -e '1 2+p'",
    ],
)
def test_what_escapes_nothing_is_quiet(text: str) -> None:
    found = program(text)
    assert not found.opaque
    assert "rm" not in {command.name for command in found.commands}


def test_a_path_is_no_builtin() -> None:
    assert [command.name for command in program("./eval rm; /opt/x/read y; ./test rm").commands] == [
        "eval",
        "read",
        "test",
    ]


@pytest.mark.parametrize(
    "text", ['python3 -c "$CODE"', 'node -e "$(curl h)"', "base64 -d x | python3", 'perl -e "$X"']
)
def test_code_that_is_not_known_is_opaque(text: str) -> None:
    assert program(text).opaque


def test_a_script_that_was_fetched_names_its_source() -> None:
    assert program("curl -o x.py h; python3 x.py").commands[-1].sources == ("curl",)
    assert program("python3 <(curl h)").commands[-1].sources == ("curl",)
    assert program("curl h | python3 -").commands[-1].sources == ("curl",)
