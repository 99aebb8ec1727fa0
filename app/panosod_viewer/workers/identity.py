"""The identity of a clip's content, read in a thread: a drive may be slow. No Qt."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from panosod_core.errors import MediaError
from panosod_core.media.content import content_id

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ContentKnown:
    """What a file holds.

    Attributes:
        path: the file.
        content_id: its identity; "" where it could not be read.
    """

    path: Path
    content_id: str


def read_identity(path: Path, post: Callable[[ContentKnown], None]) -> None:
    """Read it in a thread of its own and post the answer."""

    def run() -> None:
        try:
            found = content_id(path)
        except MediaError as error:
            _log.warning("no identity: %s", error)
            found = ""
        post(ContentKnown(path, found))

    threading.Thread(target=run, name="panosod-identity", daemon=True).start()
