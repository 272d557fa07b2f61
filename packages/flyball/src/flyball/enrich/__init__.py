"""ENRICH: whose behaviour a record is, and when it counts; which changes telemetry itself shows."""
