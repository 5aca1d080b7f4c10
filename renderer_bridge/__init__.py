"""renderer_bridge."""
