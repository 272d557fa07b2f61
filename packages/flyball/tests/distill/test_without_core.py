"""Flyball where the compiled core is not: it installs, says so once, and gives the same answers."""

from __future__ import annotations

import importlib
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flyball import native

NATIVE = Path(native.__file__).parents[2] / "native"
NOTICE = b"running without the compiled core"
LOG = b"".join(
    b"2024-01-31 12:00:%02d,000 %s user u%d paid %d EUR in %d ms\n"
    % (n % 60, b"ERROR" if n % 9 == 0 else b"INFO", n % 7, n, n % 31)
    for n in range(500)
)


def _builder(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(NATIVE))
    return importlib.import_module("core_build")


def test_without_a_compiler_the_build_says_so_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    builder = _builder(monkeypatch)
    monkeypatch.setenv("CC", "/nonexistent")
    with pytest.raises(builder.BuildError, match=r"^/nonexistent: .*No such file or directory"):
        builder.build(tmp_path / "_core.so")
    monkeypatch.delenv("CC")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(builder.BuildError, match=r"^no C compiler \(cc or gcc\) is on the PATH$"):
        builder.build(tmp_path / "_core.so")
    assert not list(tmp_path.iterdir())


def test_the_c_of_the_rules_needs_no_package_beside_python() -> None:
    # as in the environment that a distribution is built in: pyarrow, numpy and orjson are absent
    isolated = subprocess.run(
        [sys.executable, "-S", str(NATIVE / "rules_c.py")], capture_output=True, timeout=60, check=True
    )
    here = subprocess.run(
        [sys.executable, str(NATIVE / "rules_c.py")], capture_output=True, timeout=60, check=True
    )
    assert isolated.stdout == here.stdout
    assert isolated.stdout.count(b"\nstatic ") > 1000


def test_without_a_library_one_notice_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FLYBALL_CORE", "/nonexistent")
    monkeypatch.delenv("FLYBALL_PURE", raising=False)
    native.library.cache_clear()
    try:
        with caplog.at_level(logging.WARNING):
            assert [native.library(), native.library()] == [None, None]
    finally:
        native.library.cache_clear()
    assert [record.name for record in caplog.records] == ["flyball.native"]
    assert NOTICE.decode() in caplog.text


def test_distill_gives_the_same_answer_without_the_core() -> None:
    with_core = _distill({})
    missing = _distill({"FLYBALL_CORE": "/nonexistent"})
    switched_off = _distill({"FLYBALL_PURE": "1"})
    assert with_core.stdout == missing.stdout == switched_off.stdout
    assert b"paid" in missing.stdout
    assert missing.stderr.count(NOTICE) == 1  # no library is worth a word, what was asked for is not
    assert NOTICE not in switched_off.stderr


def _distill(settings: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    kept = {name: value for name, value in os.environ.items() if name not in {"FLYBALL_CORE", "FLYBALL_PURE"}}
    return subprocess.run(
        [str(Path(sys.executable).with_name("flyball")), "distill", "-"],
        input=LOG,
        capture_output=True,
        timeout=60,
        check=True,
        env=kept | settings,
    )
