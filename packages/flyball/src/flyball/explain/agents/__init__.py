"""What happened in a run of an agent: from spans alone, with what was ruled out; each sentence cites spans that hold it.

`corpus` (the run and the runs before it, in one order), `measures` (what is counted of spans), one module a kind of
evidence in `rules/`, `engine` (which of them is the cause), `check` (recomputes every figure and name, outside the
engine), `investigate` (a language model that goes on where the engine is not sure), `sandbox` (where it may read a
repository).
"""
