"""`python -m apps.reproduce`."""

import sys

from apps.reproduce import main

sys.exit(main())
