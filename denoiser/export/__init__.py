"""Trained networks in the formats of other runtimes."""
