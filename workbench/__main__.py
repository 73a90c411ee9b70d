"""`python -m workbench` is the command `workbench`."""

from workbench.cli.cli import main

main()
