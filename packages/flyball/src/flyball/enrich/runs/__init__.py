"""Spans and events of agents -> steps of runs (flyball.model.run), whatever library told of them.

`names` knows what each library calls a thing, `spans` makes steps of spans, `claude` of what Claude Code tells, `prices`
what a call costs, `tables` the rows; `stage` is the pipeline's stage over all of them.
"""
