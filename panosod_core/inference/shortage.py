"""Whether an error means that memory ran out: each library that a model runs on says so in its own way. No torch."""

_WORDS = (
    "out of memory",
    "can't allocate memory",  # torch on processors
    "cannot allocate memory",  # the system, in a library's words
    "failed to allocate",  # ONNX Runtime
    "bad allocation",
    "bad_alloc",
    "insufficient memory",  # OpenCV
    "failed to map segment",  # a library that could not be loaded
)


def is_shortage(error: BaseException) -> bool:
    """True where memory ran out, as far as the error tells."""
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower()
    return any(words in text for words in _WORDS)
