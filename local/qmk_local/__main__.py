"""`python -m qmk_local`."""

from qmk_local.cli import main

main()
