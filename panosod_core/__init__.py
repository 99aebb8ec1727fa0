"""Headless core of panosod: sphere geometry, ambisonics, media, synthesis. Never imports Qt or OpenGL."""
