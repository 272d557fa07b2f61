"""The command line: what a person types. Every answer has `--json`; errors are one line on stderr.

Exit codes: 0 answered, 1 failed, 2 wrong arguments or settings, 3 no server answers, 4 not found, 130 Ctrl-C.
"""
