"""What all tests share: the folder of real media, where it exists."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

# No deadlines: machines that run the suite are shared, and a slow example is no mistake. The same examples every time.
settings.register_profile("panosod", deadline=None, derandomize=True)
settings.load_profile("panosod")

_REPO = Path(__file__).resolve().parent.parent
_NO_MEDIA = "real media not found"
# What a developer has promoted is no part of the tests, nor what an earlier run has; child processes find the same.
_MODELS = tempfile.TemporaryDirectory(prefix="panosod-models-")
os.environ["PANOSOD_MODELS"] = _MODELS.name
# Nor is the finetuning job that is at work on this machine: there is one at a time, by the folder of jobs.
_JOBS = tempfile.TemporaryDirectory(prefix="panosod-jobs-")
os.environ["PANOSOD_JOBS"] = _JOBS.name


@pytest.fixture(scope="session")
def testdata() -> Path:
    """The folder of real media that is not part of the repository; tests that need it skip without it."""
    folder = Path(os.environ.get("PANOSOD_TESTDATA", _REPO.parent / "shared" / "testdata"))
    if not folder.is_dir():
        pytest.skip(f"{_NO_MEDIA} at {folder} (set PANOSOD_TESTDATA)")
    return folder


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests of picture and sound did not run."""
    without_media = [r for r in _skipped(terminalreporter) if _is_for_want_of_media(r)]
    if without_media:
        terminalreporter.write_line(f"{len(without_media)} tests of picture or sound had no real media to run on")
    for report in _skipped_hardware(terminalreporter):
        terminalreporter.write_line(f"NOT RUN, but needed here: {report.nodeid}", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In CI a skipped test of OpenGL or sound is a failure: a green run must mean that they ran.

    Real media are no part of the repository: a clean clone passes without them.
    """
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and _skipped_hardware(reporter) and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _skipped_hardware(reporter: pytest.TerminalReporter) -> list[pytest.TestReport]:
    return [report for report in _skipped(reporter) if not _is_for_want_of_media(report)]


def _skipped(reporter: pytest.TerminalReporter) -> list[pytest.TestReport]:
    """Tests of OpenGL or sound that did not run where they have to."""
    if not os.environ.get("PANOSOD_REQUIRE_GL_AND_SOUND"):
        return []
    skipped = reporter.stats.get("skipped", [])
    return [r for r in skipped if isinstance(r, pytest.TestReport) and {"gl", "sound"} & set(r.keywords)]


def _is_for_want_of_media(report: pytest.TestReport) -> bool:
    return isinstance(report.longrepr, tuple) and report.longrepr[2].startswith(f"Skipped: {_NO_MEDIA}")
