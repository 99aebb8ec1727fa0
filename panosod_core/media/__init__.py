"""Probing, reading and writing panoramic clips."""
