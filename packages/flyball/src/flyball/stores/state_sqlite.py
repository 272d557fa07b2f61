"""The state store on SQLite: every port of `flyball.component.ports` that is no telemetry, in one file of the data folder.

Only this package and its migrations import SQLAlchemy; nothing here decides anything.
"""

from __future__ import annotations

from flyball.stores.sqlite_annotations import SqliteAnnotations
from flyball.stores.sqlite_changes import SqliteChanges
from flyball.stores.sqlite_incidents import SqliteIncidents
from flyball.stores.sqlite_memory import SqliteMemory
from flyball.stores.sqlite_patterns import SqlitePatterns


class SqliteState(SqliteChanges, SqlitePatterns, SqliteIncidents, SqliteMemory, SqliteAnnotations):
    """The state of one data folder, in the file `path`."""
