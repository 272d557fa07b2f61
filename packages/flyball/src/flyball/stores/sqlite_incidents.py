"""Evidence, and the incidents that cite it: what is cited is kept as long as they are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from flyball.model.evidence import Evidence
from flyball.model.incident import Explanation, Incident, IncidentState
from flyball.model.narrative import Narrative
from flyball.stores.sqlite_file import SqliteFile, iso, table

_EVIDENCE_DAYS = 7
"""How long evidence is kept that nothing cites."""


_evidence = table("evidence", ("id",), "created", "fact")
_incidents = table("incidents", ("id",), "workspace", "state", "grew", "fact")
_explanations = table("explanations", ("incident",), "fact")
_narratives = table("narratives", ("occurrence",), "fact")
_citations = table("citations", ("incident", "evidence"))

_INCIDENT = TypeAdapter(Incident)
_EXPLANATION = TypeAdapter(Explanation)
_NARRATIVE = TypeAdapter(Narrative)


class SqliteIncidents(SqliteFile):
    """The ports EvidenceStore and IncidentStore."""

    async def put_evidence(self, items: Iterable[Evidence]) -> None:
        """Keep the evidence; what is there already stays as it is. What is over its days goes."""
        rows: list[dict[str, Any]] = [
            {
                "id": e.id,
                "created": iso(e.as_of),
                "fact": orjson.dumps({n: getattr(e, n) for n in Evidence.__dataclass_fields__}),
            }
            for e in items
        ]
        if rows:
            newest = max(datetime.fromisoformat(row["created"]) for row in rows)
            async with self.write() as connection:
                await connection.execute(insert(_evidence).on_conflict_do_nothing(), rows)
                old = _evidence.c.created < iso(newest - timedelta(days=_EVIDENCE_DAYS))
                uncited = _evidence.c.id.not_in(sa.select(_citations.c.evidence))
                await connection.execute(sa.delete(_evidence).where(old, uncited))

    async def evidence(self, evidence_id: str) -> Evidence | None:
        """The evidence of that id."""
        rows = await self.read(sa.select(_evidence).where(_evidence.c.id == evidence_id))
        return _fact(rows[0]) if rows else None

    async def put_incidents(self, incidents: Iterable[Incident]) -> None:
        """Insert each incident, or replace the one of its id; what its findings and acts cite is cited by it."""
        async with self.write() as connection:
            for incident in incidents:
                row = {
                    "id": incident.id,
                    "workspace": incident.workspace,
                    "state": incident.state.value,
                    "grew": iso(incident.grew),
                    "fact": _INCIDENT.dump_json(incident),
                }
                statement = insert(_incidents).values(row)
                await connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=row))
                cited = [*incident.findings, *incident.acts]
                await _cite(connection, incident.id, [id_ for one in cited for id_ in one.evidence])

    async def incident(self, incident_id: str) -> Incident | None:
        """The incident of that id."""
        rows = await self.read(sa.select(_incidents).where(_incidents.c.id == incident_id))
        return _INCIDENT.validate_json(rows[0]["fact"]) if rows else None

    async def incidents(
        self, workspace: str, *, states: Collection[IncidentState] = (), limit: int = 100
    ) -> Sequence[Incident]:
        """The incidents in one of these states (in any, without), those that grew last first."""
        c = _incidents.c
        query = sa.select(_incidents).where(c.workspace == workspace)
        if states:
            query = query.where(c.state.in_([state.value for state in states]))
        rows = await self.read(query.order_by(c.grew.desc(), c.id).limit(limit))
        return [_INCIDENT.validate_json(row["fact"]) for row in rows]

    async def put_explanation(self, explanation: Explanation) -> None:
        """Keep what was made of an incident in place of what was made of it before, with the evidence it cites."""
        diagnosis = explanation.diagnosis
        await self.put_evidence(diagnosis.evidence)
        bare = replace(explanation, diagnosis=replace(diagnosis, evidence=()))
        row = {"incident": explanation.incident_id, "fact": _EXPLANATION.dump_json(bare)}
        async with self.write() as connection:
            statement = insert(_explanations).values(row)
            await connection.execute(statement.on_conflict_do_update(index_elements=["incident"], set_=row))
            await _cite(connection, explanation.incident_id, [fact.id for fact in diagnosis.evidence])

    async def explanation(self, incident_id: str) -> Explanation | None:
        """What was last made of the incident, with its evidence."""
        rows = await self.read(sa.select(_explanations).where(_explanations.c.incident == incident_id))
        if not rows:
            return None
        bare = _EXPLANATION.validate_json(rows[0]["fact"])
        wanted = dict.fromkeys(id_ for claim in bare.diagnosis.sentences() for id_ in claim.evidence)
        found = await self.read(sa.select(_evidence).where(_evidence.c.id.in_(list(wanted))))
        facts = {row["id"]: _fact(row) for row in found}
        evidence = tuple(facts[id_] for id_ in wanted if id_ in facts)
        return replace(bare, diagnosis=replace(bare.diagnosis, evidence=evidence))

    async def put_narrative(self, incident_id: str, occurrence: str, narrative: Narrative) -> None:
        """Keep what a model said of an episode; what it cites is cited by the incident."""
        row = {"occurrence": occurrence, "fact": _NARRATIVE.dump_json(narrative)}
        async with self.write() as connection:
            statement = insert(_narratives).values(row)
            await connection.execute(statement.on_conflict_do_update(index_elements=["occurrence"], set_=row))
            said = (*narrative.sentences, *narrative.unconfirmed)
            await _cite(connection, incident_id, [id_ for claim in said for id_ in claim.evidence])

    async def narrative(self, occurrence: str) -> Narrative | None:
        """What a model said of the episode."""
        rows = await self.read(sa.select(_narratives).where(_narratives.c.occurrence == occurrence))
        return _NARRATIVE.validate_json(rows[0]["fact"]) if rows else None


def _fact(row: Mapping[str, Any]) -> Evidence:
    fact: dict[str, Any] = orjson.loads(row["fact"])
    fact["as_of"] = datetime.fromisoformat(fact["as_of"])
    fact["exemplars"] = tuple(fact["exemplars"])
    return Evidence(**fact)


async def _cite(connection: AsyncConnection, incident_id: str, evidence: Iterable[str]) -> None:
    rows = [{"incident": incident_id, "evidence": id_} for id_ in dict.fromkeys(evidence)]
    if rows:
        await connection.execute(insert(_citations).on_conflict_do_nothing(), rows)
