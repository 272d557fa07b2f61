"""What every state store must do. A test module subclasses `StateStoreContract` for its store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest
from flyball.component.ports import (
    ChangeStore,
    CursorStore,
    EvidenceStore,
    IncidentStore,
    MemoryStore,
    PatternStore,
    SpendStore,
)
from flyball.model.cause import Cause
from flyball.model.change import AuthorKind, Change, ChangeKind, VersionSource
from flyball.model.diagnosis import Claim, Diagnosis, Hypothesis, Standing
from flyball.model.evidence import Evidence
from flyball.model.finding import Exemplar, Finding, FindingKind, Numbers
from flyball.model.incident import Act, Episode, Explanation, Incident, IncidentState
from flyball.model.memory import Edge, Key, Node, NodeKind, Relation
from flyball.model.narrative import Spend
from flyball.model.pattern import Shape
from flyball.model.sighting import VersionState
from flyball.model.window import SignalKind

NOON = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=UTC)


class StateStore(
    ChangeStore, PatternStore, EvidenceStore, IncidentStore, MemoryStore, SpendStore, CursorStore, Protocol
):
    """The ports that a state store implements."""

    async def migrate(self) -> None:
        """Bring the tables to this version's schema."""
        ...


def change(number: int = 1, *, service: str = "checkout", minutes: float = 0) -> Change:
    return Change(
        id=f"chg_{number}",
        workspace="default",
        service=service,
        environment="prod",
        version=f"v{number}",
        previous_version="",
        kind=ChangeKind.DEPLOY,
        time=NOON + timedelta(minutes=minutes),
        announced=True,
        seen=None,
    )


def shape(number: int, template: str = "order <*> placed") -> Shape:
    return Shape(id=number, template=template, rules=1, example="order 7 placed")


def remembered(number: int, *, workspace: str = "default", **fact: object) -> Node:
    time = NOON + timedelta(minutes=number)
    return Node(workspace=workspace, kind=NodeKind.INCIDENT, id=f"inc_{number}", time=time, fact=fact)


def edge(node: Node, relation: Relation, target: Key) -> Edge:
    return Edge(workspace=node.workspace, source=node.key, relation=relation, target=target, time=node.time)


FINDING = Finding(
    id="fnd_1",
    kind=FindingKind.NEW,
    service="checkout",
    environment="prod",
    version="v2",
    signal_kind=SignalKind.LOG,
    fingerprint="00000000000000aa",
    template="pool exhausted <*>",
    severity="ERROR",
    severity_number=17,
    count=24,
    before=Numbers(count=0.0, seconds=60.0),
    after=Numbers(count=24.0, seconds=4.0),
    ratio=None,
    p=1e-11,
    q=1e-10,
    surprise=10.0,
    harm=0.7,
    score=7.0,
    change_id="chg_1",
    first_seen=NOON,
    exemplar=Exemplar(text="pool exhausted 8 \u2028 naïve", time=NOON, trace_id="ab" * 16),
    evidence=("ev_1",),
)


def incident(incident_id: str, *, minutes: float = 0) -> Incident:
    at = NOON + timedelta(minutes=minutes)
    return Incident(
        id=incident_id,
        workspace="default",
        environment="prod",
        state=IncidentState.OPEN,
        began=at,
        opened=at,
        grew=at,
        last_seen=at,
        findings=(FINDING,),
        acts=(Act(time=at, what="found", evidence=("ev_1",)),),
    )


def explanation(incident_id: str, *, minutes: float) -> Explanation:
    at = NOON + timedelta(minutes=minutes)
    fact = Evidence(kind="log", sql="", parameters={"n": minutes}, as_of=at, numbers={"matched": 1.0})
    claim = Claim(text="It wrote `pool exhausted`.", evidence=(fact.id,))
    held = Hypothesis(
        cause=Cause.POOL_EXHAUSTED,
        object="service/checkout",
        standing=Standing.HELD,
        weight=0.85,
        reasons=(claim,),
        first_step=claim,
    )
    diagnosis = Diagnosis(
        cause=Cause.POOL_EXHAUSTED,
        object="service/checkout",
        first_step=claim,
        claims=(claim,),
        hypotheses=(held,),
        evidence=(fact,),
        confidence=0.85,
        inconclusive=False,
    )
    return Explanation(
        incident_id=incident_id, episode=1, at=at, since=NOON, until=at, diagnosis=diagnosis, limits=("one",)
    )


class StateStoreContract:
    """Override the fixture `store`."""

    @pytest.fixture
    def store(self) -> StateStore:
        raise NotImplementedError

    async def test_it_migrates_twice(self, store: StateStore) -> None:
        await store.migrate()
        assert await store.changes("default") == []

    async def test_a_change_comes_back_as_it_was(self, store: StateStore) -> None:
        seen = replace(
            change(),
            seen=NOON,
            commit="9f2c1",
            url="https://ci.example/7",
            kind=ChangeKind.ROLLBACK,
            version_source=VersionSource.POD_TEMPLATE_HASH,
            announced=False,
        )
        told = replace(
            change(),
            kind=ChangeKind.CONFIG,
            version="",
            what="pool_size 20 -> 5",
            author="Jo",
            author_kind=AuthorKind.AGENT,
            message="Shrink the pool\n\nIt was too large.",
        )
        for one in (change(), seen, told):
            await store.put_change(one)
            assert await store.change("chg_1") == one
        assert await store.change("chg_none") is None

    async def test_changes_are_filtered_and_newest_first(self, store: StateStore) -> None:
        for number in range(1, 6):
            await store.put_change(change(number, minutes=number))
        await store.put_change(change(9, service="payments", minutes=9))
        await store.put_change(replace(change(10), workspace="other"))

        async def ids(**filters: object) -> Sequence[str]:
            return [c.id for c in await store.changes("default", **filters)]  # pyright: ignore[reportArgumentType]

        assert await ids(service="checkout") == ["chg_5", "chg_4", "chg_3", "chg_2", "chg_1"]
        assert await ids(limit=2) == ["chg_9", "chg_5"]
        assert await ids(since=NOON + timedelta(minutes=4), service="checkout") == ["chg_5", "chg_4"]
        assert await ids(until=NOON + timedelta(minutes=2)) == ["chg_2", "chg_1"]
        assert await ids(environment="staging") == []
        await store.put_change(replace(change(6), kind=ChangeKind.FLAG))
        assert await ids(kinds=[ChangeKind.FLAG, ChangeKind.CONFIG]) == ["chg_6"]
        assert "chg_6" not in await ids(kinds=[ChangeKind.DEPLOY])

    async def test_times_of_any_zone_are_the_same_moment(self, store: StateStore) -> None:
        east = NOON.astimezone(datetime.fromisoformat("2026-01-01T00:00:00+05:30").tzinfo)
        await store.put_change(replace(change(), time=east))
        found = await store.change("chg_1")
        assert found is not None
        assert found.time == NOON
        assert len(await store.changes("default", since=NOON, until=NOON)) == 1

    async def test_versions_are_replaced_by_their_key(self, store: StateStore) -> None:
        state = VersionState(
            workspace="default",
            service="checkout",
            environment="prod",
            version="v1",
            version_source=VersionSource.IMAGE_TAG,
            first_seen_ns=1_795_262_400_000_000_001,
            last_seen_ns=1_795_262_400_000_000_002,
            current=True,
        )
        later = replace(state, last_seen_ns=1_795_262_500_000_000_000, current=False)
        await store.put_versions([state])
        await store.put_versions([later, replace(state, version="v2")])
        assert sorted(await store.versions("default"), key=lambda s: s.version) == [
            later,
            replace(state, version="v2"),
        ]
        assert await store.versions("other") == []

    async def test_shapes_keep_their_first_sight(self, store: StateStore) -> None:
        largest = shape(2**64 - 1)
        await store.add_shapes([largest, shape(0)], first_seen_ns=20)
        await store.add_shapes([shape(0, template="another"), shape(5)], first_seen_ns=10)
        found = {s.id: (s.template, first) for s, first in await store.shapes()}
        assert found == {
            5: ("order <*> placed", 10),
            0: ("order <*> placed", 20),
            2**64 - 1: ("order <*> placed", 20),
        }
        assert [first for _, first in await store.shapes()] == [10, 20, 20], "oldest first"
        await store.add_shapes([], first_seen_ns=1)

    async def test_a_shape_comes_back_as_it_was(self, store: StateStore) -> None:
        name = Shape(id=7, template="GET /a/{b}", rules=2, example="GET /a/{b}", kind=SignalKind.SPAN)
        await store.add_shapes([name, shape(8)], first_seen_ns=20)
        assert [found for found, _ in await store.shapes()] == [name, shape(8)]

    async def test_rewriting_replaces_example_and_rules_and_nothing_else(self, store: StateStore) -> None:
        await store.add_shapes([shape(1), shape(2)], first_seen_ns=20)
        altered = replace(shape(1), rules=2, example="order <*> placed")
        await store.rewrite_shapes([replace(altered, template="ignored"), shape(3)])
        await store.rewrite_shapes([])
        assert list(await store.shapes()) == [(altered, 20), (shape(2), 20)]

    async def test_aliases_are_appended_and_the_last_word_counts(self, store: StateStore) -> None:
        await store.add_aliases({1: 2, 2**64 - 1: 3})
        await store.add_aliases({1: 4})
        await store.add_aliases({})
        assert await store.aliases() == {1: 4, 2**64 - 1: 3}

    async def test_evidence_comes_back_under_its_id(self, store: StateStore) -> None:
        fact = Evidence(
            kind="counts",
            sql="SELECT 1",
            parameters={"service": "o'clock", "since": "2026-11-21", "shapes": [1, 2]},
            as_of=NOON,
            numbers={"before": 0.0, "after": 47.0},
            exemplars=[{"text": "naïve 日本語"}],
        )
        for _ in range(2):
            await store.put_evidence([fact])
        found = await store.evidence(fact.id)
        assert found is not None
        assert (found.id, dict(found.numbers), found.as_of) == (fact.id, dict(fact.numbers), NOON)
        assert await store.evidence("ev_none") is None

    async def test_evidence_that_nothing_cites_goes_after_a_week(self, store: StateStore) -> None:
        old = Evidence(kind="counts", sql="SELECT 1", parameters={}, as_of=NOON, numbers={})
        new = replace(old, as_of=NOON + timedelta(days=8), sql="SELECT 2")
        await store.put_evidence([old])
        await store.put_evidence([new])
        assert await store.evidence(old.id) is None
        assert await store.evidence(new.id) is not None

    async def test_a_node_comes_back_as_it_was_and_is_replaced_by_its_key(self, store: StateStore) -> None:
        first = remembered(1, title="naïve 日本語", numbers={"a": 1.5}, signals=["log", "span"])
        await store.put_memory([first], [])
        assert await store.node("default", first.key) == first
        anew = replace(first, fact={"title": "o'clock"}, time=NOON + timedelta(hours=1))
        for _ in range(2):
            await store.put_memory([anew], [])
        assert await store.node("default", first.key) == anew
        assert await store.node("default", (NodeKind.FIX, "inc_1")) is None
        assert await store.node("other", first.key) is None
        await store.put_memory([], [])

    async def test_nodes_are_found_by_all_they_point_at_newest_first(self, store: StateStore) -> None:
        cause, place = (NodeKind.CAUSE, "disk full"), (NodeKind.SERVICE, "checkout")
        for number in range(5):
            node = remembered(number)
            edges = [edge(node, Relation.HAS_CAUSE, cause)]
            if number % 2 == 0:
                edges.append(edge(node, Relation.BLAMES, place))
            await store.put_memory([node], edges)
            await store.put_memory([], edges)  # adding an edge twice adds nothing

        async def found(*targets: tuple[Relation, Key], limit: int = 10) -> Sequence[str]:
            nodes = await store.pointing_at("default", NodeKind.INCIDENT, targets, limit=limit)
            return [node.id for node in nodes]

        assert await found() == ["inc_4", "inc_3", "inc_2", "inc_1", "inc_0"]
        assert await found((Relation.HAS_CAUSE, cause), limit=2) == ["inc_4", "inc_3"]
        assert await found((Relation.HAS_CAUSE, cause), (Relation.BLAMES, place)) == [
            "inc_4",
            "inc_2",
            "inc_0",
        ]
        assert await found((Relation.IN, place)) == []
        assert await found((Relation.HAS_CAUSE, (NodeKind.CAUSE, "oom"))) == []

    async def test_a_workspace_sees_no_other_ones_memory(self, store: StateStore) -> None:
        cause = (NodeKind.CAUSE, "disk full")
        for workspace in ("default", "other"):
            node = remembered(1, workspace=workspace, of=workspace)
            await store.put_memory([node], [edge(node, Relation.HAS_CAUSE, cause)])
        targets = [(Relation.HAS_CAUSE, cause)]
        for workspace in ("default", "other"):
            nodes = await store.pointing_at(workspace, NodeKind.INCIDENT, targets, limit=10)
            assert [node.fact["of"] for node in nodes] == [workspace]
        await store.put_memory([remembered(7, workspace="other")], [])
        assert await store.node("default", (NodeKind.INCIDENT, "inc_7")) is None

    async def test_a_days_spend_is_reserved_whole_or_not_at_all(self, store: StateStore) -> None:
        limit = Spend(calls=3, tokens=100, microusd=100, milliseconds=100)
        one = Spend(calls=1, tokens=40, microusd=1, milliseconds=10)
        assert await store.spent("2031-03-03") == Spend()
        assert [await store.reserve("2031-03-03", one, limit=limit) for _ in range(3)] == [True, True, False]
        assert await store.reserve("2031-03-04", one, limit=limit)
        assert await store.spent("2031-03-03") == Spend(calls=2, tokens=80, microusd=2, milliseconds=20)
        for name in Spend.__dataclass_fields__:
            over = replace(Spend(), **{name: getattr(limit, name)})
            assert not await store.reserve("2031-03-03", over, limit=limit)

    async def test_what_was_spent_takes_the_place_of_what_was_reserved(self, store: StateStore) -> None:
        limit = Spend(calls=10, tokens=100, microusd=100, milliseconds=100)
        reserved = Spend(calls=8, tokens=90, microusd=80, milliseconds=70)
        assert await store.reserve("2031-03-03", reserved, limit=limit)
        spent = Spend(calls=1, tokens=120, microusd=0, milliseconds=5)
        await store.settle("2031-03-03", reserved, spent)
        assert await store.spent("2031-03-03") == spent
        assert not await store.reserve("2031-03-03", Spend(calls=1), limit=limit)

    async def test_an_incident_comes_back_as_it_was(self, store: StateStore) -> None:
        first = incident("inc_1")
        muted = replace(
            first, state=IncidentState.ACTIVE, muted=("x",), earlier=(Episode(began=NOON, ended=NOON),)
        )
        await store.put_incidents([first, incident("inc_2", minutes=5)])
        await store.put_incidents([muted])
        assert await store.incident("inc_1") == muted
        assert await store.incident("inc_none") is None
        assert [one.id for one in await store.incidents("default")] == ["inc_2", "inc_1"]
        assert [one.id for one in await store.incidents("default", states=[IncidentState.ACTIVE])] == [
            "inc_1"
        ]
        assert await store.incidents("another") == []
        assert len(await store.incidents("default", limit=1)) == 1

    async def test_an_explanation_is_replaced_and_comes_with_its_evidence(self, store: StateStore) -> None:
        assert await store.explanation("inc_1") is None
        for minutes in (0, 1):
            told = explanation("inc_1", minutes=minutes)
            await store.put_explanation(told)
        found = await store.explanation("inc_1")
        assert found is not None
        assert found == told
        assert found.diagnosis.evidence[0].id == told.diagnosis.claims[0].evidence[0]

    async def test_evidence_that_an_incident_cites_stays(self, store: StateStore) -> None:
        told = explanation("inc_1", minutes=0)
        await store.put_explanation(told)
        found = Evidence(kind="counts", sql="SELECT 1", parameters={}, as_of=NOON, numbers={})
        await store.put_evidence([found])
        cited = replace(FINDING, evidence=(found.id,))
        await store.put_incidents([replace(incident("inc_1"), findings=(cited,))])
        await store.put_evidence([replace(found, as_of=NOON + timedelta(days=400), sql="SELECT 2")])
        assert await store.evidence(found.id) is not None
        assert await store.explanation("inc_1") == told

    async def test_cursors_are_replaced(self, store: StateStore) -> None:
        await store.put_cursors({"a": "1", "b": "2"})
        await store.put_cursors({"a": "3"})
        found: Mapping[str, str] = await store.cursors()
        assert found == {"a": "3", "b": "2"}
