"""So that `python -m apps.render_pairs` runs the command."""

import sys

from apps.render_pairs import main

if __name__ == "__main__":
    sys.exit(main())
