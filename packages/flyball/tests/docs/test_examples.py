"""What the documents show is run: every ```sh block of the README and the how-tos, against a real server.

The blocks of one page are one shell session, in an empty folder, stopped by the first command that fails. The
documented addresses stand for the test's own. A block after `<!-- not run: reason -->` is left out.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.release import tell, tell_fix
from harness.server import FlyballProcess, running

ROOT = Path(__file__).parents[4]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "how-to").glob("*.md"))]
WRITTEN = [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>.+?) -->\n)?^```sh\n(?P<script>.*?)^```$", re.MULTILINE | re.DOTALL
)
_LINK = re.compile(r"\]\((?!https?://)([^)#\s]+)?(?:#([^)\s]+))?\)")


def blocks(page: Path) -> list[str]:
    """The scripts of a page that are run."""
    return [match["script"] for match in _BLOCK.finditer(page.read_text()) if not match["reason"]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlyballProcess]:
    with running(tmp_path_factory.mktemp("examples") / "data") as process:
        tell(process)
        tell_fix(process)
        yield process


@pytest.mark.e2e
@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)], ids=lambda page: page.stem)
def test_the_examples_run(page: Path, server: FlyballProcess, tmp_path: Path) -> None:
    missing = [program for program in ("bash", "curl", "jq") if not shutil.which(program)]
    if missing:
        pytest.skip(f"no {', '.join(missing)} here")
    script = "set -euo pipefail\n" + "\n".join(blocks(page))
    for documented, own in (
        (4320, server.port),
        (4318, server.otlp_http_port),
        (4317, server.otlp_grpc_port),
    ):
        script = script.replace(f"127.0.0.1:{documented}", f"127.0.0.1:{own}")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PATH": path, "FLYBALL_SERVER": server.url},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_most_pages_have_examples_that_run() -> None:
    assert len([page for page in PAGES if blocks(page)]) >= 8


@pytest.mark.parametrize("page", [p for p in PAGES if p.parent.name == "how-to"], ids=lambda page: page.stem)
def test_every_how_to_ends_with_how_to_verify(page: Path) -> None:
    assert "\n## Verify\n" in page.read_text()


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_leads_nowhere(page: Path) -> None:
    for path, heading in _LINK.findall(page.read_text()):
        target = page.parent / path if path else page
        assert target.exists(), f"{page.name}: {path}"
        if heading:
            assert heading in anchors(target), f"{page.name}: {path}#{heading}"


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub names them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
