"""Threads and processes that keep work off the GUI thread."""
