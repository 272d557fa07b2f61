"""A link to any fingerprint that ever existed resolves: while templates generalise, and after a restart."""

from __future__ import annotations

from pathlib import Path

import pytest
from flyball.distill.catalog import Catalog
from flyball.distill.redact import RULES_VERSION
from flyball.distill.shapes import id_of, shape_of
from flyball.model.pattern import Shape, fingerprint
from flyball.stores.state_sqlite import SqliteState

pytestmark = pytest.mark.anyio

# Two chains of names grow apart and are one in the end: an alias of an alias.
LINES = (
    *(f"bean {name} was created in core_x" for name in ("a_b", "c_d", "e_f")),
    *(f"bean {name} was created in web_y" for name in ("g_h", "i_j", "k_l")),
    "bean a_b was created in web_y",
)


async def test_links_resolve_along_chains_of_aliases_and_after_a_restart(tmp_path: Path) -> None:
    store = SqliteState(tmp_path / "state.db")
    await store.migrate()
    catalog = Catalog()
    links: set[str] = set()
    for when, line in enumerate(LINES):
        shape = shape_of(line)
        await store.add_shapes([shape], first_seen_ns=when)
        await store.add_aliases(catalog.add([shape], when))
        links |= {catalog.resolve(shape.id), fingerprint(shape.id)}
    await store.close()

    again = SqliteState(tmp_path / "state.db")
    await again.migrate()
    restarted = Catalog(await again.shapes(), await again.aliases())
    await again.close()

    oldest = fingerprint(shape_of(LINES[0]).id)
    assert len(links) == len(LINES)
    for found in (catalog, restarted):
        assert len(found) == 1
        for link in links:
            pattern = found.pattern(link)
            assert pattern is not None
            assert (pattern.fingerprint, pattern.template) == (oldest, "bean <*> was created in <*>")


async def test_traces_that_rules_without_frames_made_are_not_new_with_them(tmp_path: Path) -> None:
    trace = 'payment 7 failed\nTraceback (most recent call last):\n  File "/a.py", line 3, in f\n    g()\nValueError: bad'
    template = "payment <*> failed ValueError: bad"
    old = Shape(id=id_of(template), template=template, rules=RULES_VERSION - 1, example=trace)
    store = SqliteState(tmp_path / "state.db")
    await store.migrate()
    await store.add_shapes([old], first_seen_ns=1)
    catalog = Catalog(await store.shapes(), await store.aliases())
    await store.close()

    catalog.upgrade(shape_of)

    today = shape_of(trace.replace("7", "8").replace("line 3", "line 4"))
    assert today.template == f"{template} at a.py::f()"
    assert catalog.add([today], 99) == {}
    assert catalog.resolve(today.id) == fingerprint(old.id)
