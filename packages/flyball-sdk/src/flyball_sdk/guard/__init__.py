"""The wall at the tool call: decode -> parse -> effects -> rules -> decision.

One pure library: no network, no model, no clock and no file of its own. What it must know of the session, the time
and the files is passed in.
"""
