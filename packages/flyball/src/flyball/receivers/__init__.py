"""RECEIVE: each source is one file.

A receiver hands OTLP export requests to `ctx.emit` and acknowledges its sender when that returns.
"""
