"""What a finetuning job says of the world's mistakes that no code of ours has put into words. No torch here."""

import errno
from collections.abc import Iterator

from panosod_core.errors import PanosodError

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory")
_FULL = ("no space left on device", "disk quota exceeded", "file too large")
_FULL_NUMBERS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_GO_ON = "the last saved state is whole"


def plain_words(error: BaseException, *, batch: int) -> str | None:
    """What a person should read of a mistake; None where it is a fault of panosod.

    Args:
        error: what ended the job.
        batch: windows at a time that it learnt from.
    """
    chain = list(_chain(error))
    if any(_is_memory(e) for e in chain):
        return (
            f"out of memory; {_GO_ON}. Close other programs, or begin a job with fewer windows at a time (--batch, "
            f"{batch} here), then resume"
        )
    if isinstance(error, PanosodError):
        return str(error)
    if any(_is_full(e) for e in chain):
        where = next((f"{e.filename}: " for e in chain if isinstance(e, OSError) and e.filename), "")
        return f"{where}the disk is full; {_GO_ON}. Make room, then resume"
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}cannot be read or written ({error.strerror or error}); {_GO_ON}"
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """It, and what it was raised from."""
    at: BaseException | None = error
    while at is not None:
        yield at
        at = at.__cause__


def _is_memory(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    known = isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _OUT_OF_MEMORY)
    return known or isinstance(error, MemoryError)


def _is_full(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in _FULL_NUMBERS
    # Libraries that write files by themselves have errors of their own, with the system's words in them.
    return any(words in str(error).lower() for words in _FULL)
