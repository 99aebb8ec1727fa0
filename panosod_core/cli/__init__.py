"""The `panosod` command."""
