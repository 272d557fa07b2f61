"""Benchmarks and evaluations: figures side by side with the peers."""
