"""`python -m apps.denoise`."""

import sys

from apps.denoise import main

sys.exit(main())
