"""The guard in front of any MCP server: every call is judged here before the server sees it.

`strict` reads and writes messages, `gate` decides about each, `judge` asks the Flyball server, `pins` knows what the
tools were said to be; `stdio` and `http` carry the messages. Nothing is forwarded as it was received: what goes on is
written anew from what was judged.

Sources: https://modelcontextprotocol.io/specification (2024-11-05 to 2026-07-28), https://www.jsonrpc.org/specification.
"""
