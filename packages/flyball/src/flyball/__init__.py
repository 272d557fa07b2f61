"""Flyball: the governor for software that AI writes and for agents that act.

`ARCHITECTURE.md` walks one log line through these packages; `app.py` is the only module that knows them all.
"""

__version__ = "0.1.0"
