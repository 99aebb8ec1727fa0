"""Text from files (names, tags) made fit for a terminal."""


def one_line(text: str) -> str:
    """A text with every line break, control character and undecodable byte made visible: it stays one line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
