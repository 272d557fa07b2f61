"""The hook of coding agents: what they run at each tool call, and how it gets into their settings and out again.

`alone` is the hook process, `command` the command line that a client runs it with, `claude` and `codex` what each
client's settings say and which of them are in force, `install` and `status` what a user asks for.
"""
