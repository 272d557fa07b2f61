"""An incident's diagnosis as an occurrence: on what it stands, and which pattern it shows first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from flyball.model.diagnosis import Diagnosis
from flyball.model.evidence import Evidence
from flyball.model.lesson import Occurrence
from flyball.model.signal import Surface


def occurrence_from(
    diagnosis: Diagnosis,
    *,
    incident_id: str,
    service: str,
    opened: datetime,
    fingerprint_of: Callable[[str], str],
    title: str = "",
    environment: str = "",
    workspace: str = "default",
    change_id: str = "",
) -> Occurrence:
    """What memory keeps of a diagnosed incident. `fingerprint_of` gives the fingerprint of a template."""
    facts = [] if diagnosis.inconclusive else diagnosis.cited(diagnosis.top)
    template = _template(facts)
    return Occurrence(
        incident_id=incident_id,
        workspace=workspace,
        service=service,
        environment=environment,
        opened=opened,
        cause=diagnosis.cause,
        object=diagnosis.object,
        fingerprint=fingerprint_of(template) if template else "",
        signals=frozenset(signal for fact in facts for signal in _signals(fact)),
        title=title,
        change_id=change_id,
    )


def _signals(fact: Evidence) -> list[str]:
    """The surface, and for events their reasons: a platform has few, and they say what kind of failure it is."""
    surface = str(fact.parameters.get("surface", fact.kind))
    reasons = fact.parameters.get("keys", ()) if surface == Surface.EVENT else ()
    return [surface, *(f"{surface} {reason}" for reason in reasons)]


def _template(facts: list[Evidence]) -> str:
    """The template of the first log record that is cited."""
    logs = (fact for fact in facts if fact.parameters.get("surface") == Surface.LOG)
    return next((str(record["key"]) for fact in logs for record in fact.exemplars), "")
