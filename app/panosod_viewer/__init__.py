"""The Qt viewer of panosod."""
