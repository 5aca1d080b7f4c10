"""Denoising with a trained network: frames, pairs and what a pair gives back, other denoisers beside ours."""
