import queue as std_queue
from pathlib import Path

import pytest

from tests.clips import demo_clip


@pytest.fixture(scope="session")
def clip(tmp_path_factory) -> Path:
    """One second of the demo world."""
    return demo_clip(tmp_path_factory.mktemp("clips"), duration_s=1.0)


class Mail:
    """What a worker posts, to be waited for."""

    def __init__(self):
        self._queue = std_queue.Queue()

    def post(self, letter):
        self._queue.put(letter)

    def next(self):
        return self._queue.get(timeout=60)


@pytest.fixture
def mail() -> Mail:
    return Mail()
