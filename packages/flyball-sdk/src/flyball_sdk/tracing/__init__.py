"""Traces of agents: spans by the GenAI conventions, carried to a server, with the guard in the same place."""
