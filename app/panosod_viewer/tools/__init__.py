"""Pointer to intent, pure: no Qt types."""
