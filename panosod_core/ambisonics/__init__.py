"""Ambisonic formats, spherical harmonics, rotation, binaural decoding and energy maps."""
