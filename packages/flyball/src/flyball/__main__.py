"""`python -m flyball` is `flyball`."""

from flyball.cli.main import main

main()
