"""`python -m apps.train`."""

import sys

from apps.train import main

sys.exit(main())
