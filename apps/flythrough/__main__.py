"""`python -m apps.flythrough`."""

import sys

from apps.flythrough import main

sys.exit(main())
