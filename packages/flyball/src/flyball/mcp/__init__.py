"""The MCP face: the questions as tools for coding agents, each answer within a token budget."""
