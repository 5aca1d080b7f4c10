"""apps."""

import os

# Threads of OpenMP wait for each other awake, 10 ms and more for each operation of a network when another program has
# the second core: a picture of 112x63 took 1.5 s instead of 0.02 on two busy cores. This is read as torch is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
