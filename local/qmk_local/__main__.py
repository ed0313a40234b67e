"""`python -m qmk_local`."""

import sys

from qmk_local.cli import main

sys.exit(main())
