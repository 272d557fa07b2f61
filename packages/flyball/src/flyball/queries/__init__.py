"""One module per question. A query returns one frozen view; CLI, REST, MCP and pages only dress it."""
