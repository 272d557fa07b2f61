"""EXPLAIN: signals in, a diagnosis out; every sentence cites evidence. Pure: no clock, no I/O, no model."""
