"""The hook process: what a coding agent runs at each tool call. This package stands alone.

It is copied into the data folder at installation and started as `python -I -S run.py`: nothing of Flyball, no
`json`, `socket`, `os` or `typing`, which take 10 ms to import where `_json` and `_socket` take half a millisecond. The
server imports the same modules for clients that ask over HTTP, so that both say the same.

It never grants: an allowed call prints nothing and exits 0, and the client's own permissions decide. It cannot guard
itself: whatever goes wrong in here ends in an exit code that the command line around it (`flyball.hook.command`) turns
into "not run" or, where that was chosen, into "ran unguarded".

- `run.py` starts it; `process.py` is one call from standard input to exit code
- `relay.bash` stands before both where there is bash: it passes an ordinary call on to the server, which then speaks the
  words of this package, and starts Python for any other
- `asked.py`, `answered.py`: the client's events and words, pure
- `switches.py`: which settings would switch the hook off, pure
- `wire.py`: JSON and HTTP

Sources: https://code.claude.com/docs/en/hooks, https://developers.openai.com/codex/hooks, and what the clients do
(tests/agents).
"""
