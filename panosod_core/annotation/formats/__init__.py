"""Masks in the files that other programs read: one module a format, each writes and reads back."""
