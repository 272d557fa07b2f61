"""Which receivers there are: entry points of the group `flyball.receivers`, ours and strangers' alike.

The registry holds names and imports late, so that start-up stays quick.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
from collections.abc import Mapping
from typing import Any

from flyball.component.protocols import Receiver
from flyball.errors import ConfigurationError

_GROUP = "flyball.receivers"


def receiver_names() -> list[str]:
    """The names that can stand under `receivers:`."""
    return sorted(point.name for point in importlib.metadata.entry_points(group=_GROUP))


def make_receiver(name: str, fields: Mapping[str, Any]) -> Receiver:
    """The receiver of that name with those fields.

    Raises:
        ConfigurationError: no such receiver, or a field it does not have.
    """
    points = importlib.metadata.entry_points(group=_GROUP, name=name)
    if not points:
        raise ConfigurationError(
            f"receivers.{name}: there is no such receiver; there are {', '.join(receiver_names())}"
        )
    component = next(iter(points)).load()
    known = {field.name: field for field in dataclasses.fields(component)}
    for key in fields:
        if key not in known:
            raise ConfigurationError(f"receivers.{name}.{key}: no such field; there are {', '.join(known)}")
    try:
        return component(**fields)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"receivers.{name}: {error}") from error
