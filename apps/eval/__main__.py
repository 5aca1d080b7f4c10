"""`python -m apps.eval`."""

import sys

from apps.eval import main

sys.exit(main())
