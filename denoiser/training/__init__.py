"""Offline training from noisy pairs: data on disk, crops, the loop, checkpoints, validation."""
