"""Our names are OpenTelemetry's, and the SDK costs an app nothing but opentelemetry-sdk."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import flyball_sdk.semconv as ours
from opentelemetry import semconv

_OLDER = {"deployment.environment", "container.image.tag"}
"""Names before their rename; OpenTelemetry keeps them as deprecated."""
_K8S_LABEL = "k8s.pod.label.pod-template-hash"


def _theirs() -> set[str]:
    """Every attribute name of the installed semantic conventions."""
    names: set[str] = set()
    for file in Path(semconv.__path__[0]).rglob("*.py"):
        names.update(re.findall(r'= "([a-z0-9_.]+)"', file.read_text(encoding="utf-8")))
    return names


def test_every_name_is_a_semantic_convention() -> None:
    names = {value for name, value in vars(ours).items() if name.isupper()}
    unknown = names - _theirs() - {_K8S_LABEL, ours.UNKNOWN_SERVICE}
    unknown -= {name for name in names if name.startswith("flyball.")}
    assert unknown == set()
    assert names >= _OLDER


def test_the_sdk_depends_on_opentelemetry_sdk_alone() -> None:
    required = importlib.metadata.requires("flyball-sdk") or []
    assert [re.split(r"[<>=;\s\[]", line)[0] for line in required if "extra ==" not in line] == [
        "opentelemetry-sdk"
    ]


def test_importing_it_does_not_import_the_server() -> None:
    code = "import sys, flyball_sdk, flyball_sdk.semconv; sys.exit('flyball' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
