"""Where rows rest: telemetry (chDB) and state (SQLite). SQL over telemetry rows lives in `flyball.queries`."""
