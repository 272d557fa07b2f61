"""Runs of agents that failed in a known way, and look-alikes that are fine: made from a seed, or read from a folder."""
