"""The wall at the tool call, measured: labelled calls, the peers on the same calls, speed."""
