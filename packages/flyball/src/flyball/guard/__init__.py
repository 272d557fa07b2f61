"""The server's side of the wall at the tool call: who asks, what is allowed, what was answered, who approved.

The verdict itself is `flyball_sdk.guard`, pure. Here is what it cannot have: memory that is shared by all callers, the
operator's word, and a log of every answer. The log is the one durable thing: each change of state (an approval, a pause,
a spent budget) is a row of it, written before the answer, so that a process that is killed forgets nothing it said.
"""
