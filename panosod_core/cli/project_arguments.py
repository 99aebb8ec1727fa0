"""What the commands on projects share: finding a project's clips, and who is writing."""

import getpass
import sys
from pathlib import Path

from panosod_core.annotation.records import Clip
from panosod_core.errors import AnnotationError


def author_name(given: str) -> str:
    """Who edits: as said, else the name of the account."""
    if given:
        return given
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in some containers
        return "unknown"


def chosen_clip(clips: tuple[Clip, ...] | list[Clip], wanted: str) -> Clip:
    """The clip that a word names: its number, file name or stem; "" where there is only one.

    Raises:
        AnnotationError: none, or not clear.
    """
    named = [c for c in clips if wanted in ("", str(c.id), Path(c.path).name, Path(c.path).stem)]
    if len(named) == 1:
        return named[0]
    names = ", ".join(Path(c.path).name for c in clips) or "none"
    raise AnnotationError(f"expected one clip of the project, {wanted or 'nothing'} was named; there are: {names}")


def say(text: str) -> None:
    """One line of progress, where nothing that a program reads is printed."""
    print(f"panosod: {text}", file=sys.stderr)
