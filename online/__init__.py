"""The method while a renderer is running: online trainer, reprojection, accumulation, flythrough.

Knows no window and no renderer but through the protocol `Renderer`.
"""
