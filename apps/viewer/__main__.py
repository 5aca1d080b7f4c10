"""`python -m apps.viewer`."""

import sys

from apps.viewer import main

sys.exit(main())
