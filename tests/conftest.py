"""What all tests share: the folder of real media, where it exists."""

import os
from pathlib import Path

import pytest

_REPO = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def testdata() -> Path:
    """The folder of real media that is not part of the repository; tests that need it skip without it."""
    folder = Path(os.environ.get("PANOSOD_TESTDATA", _REPO.parent / "shared" / "testdata"))
    if not folder.is_dir():
        pytest.skip(f"real media not found at {folder} (set PANOSOD_TESTDATA)")
    return folder
