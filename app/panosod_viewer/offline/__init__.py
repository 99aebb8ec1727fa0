"""Rendering without a window: screenshots and recordings."""
