"""The command line: what a person types. Every answer has `--json`; errors are one line on stderr.

Exit codes are the table `exit_codes.EXIT_CODES`.
"""
