"""Schemas of the stores, numbered in the order they are applied."""
