"""Procedural panoramic scenes with truth: picture, sound, masks."""
