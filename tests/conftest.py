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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests of picture and sound did not run."""
    for report in _skipped_hardware(terminalreporter):
        terminalreporter.write_line(f"NOT RUN, but needed here: {report.nodeid}", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In CI a skipped test of OpenGL or sound is a failure: a green run must mean that they ran."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and _skipped_hardware(reporter) and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _skipped_hardware(reporter: pytest.TerminalReporter) -> list[pytest.TestReport]:
    if not os.environ.get("PANOSOD_REQUIRE_GL_AND_SOUND"):
        return []
    skipped = reporter.stats.get("skipped", [])
    return [r for r in skipped if isinstance(r, pytest.TestReport) and {"gl", "sound"} & set(r.keywords)]
