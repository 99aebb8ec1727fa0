"""In CI a skipped test of picture or sound fails the run, unless only the real media were missing."""

import os
import subprocess
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
MEDIA = "import pytest\n\n@pytest.mark.gl\ndef test_real(testdata):\n    pass\n"
SCREEN = "import pytest\n\n@pytest.mark.sound\ndef test_null_sink():\n    pytest.skip('no PulseAudio')\n"


def run(folder: Path, text: str, *, required: bool) -> subprocess.CompletedProcess[str]:
    (folder / "test_one.py").write_text(text)
    (folder / "conftest.py").write_text((REPO / "tests" / "conftest.py").read_text())
    command = [sys.executable, "-m", "pytest", "-c", str(REPO / "pyproject.toml")]
    environment = {**os.environ, "PANOSOD_TESTDATA": str(folder / "nowhere")}
    environment.pop("PANOSOD_REQUIRE_GL_AND_SOUND", None)
    if required:
        environment["PANOSOD_REQUIRE_GL_AND_SOUND"] = "1"
    words = ["-p", "no:cacheprovider", str(folder)]
    return subprocess.run([*command, *words], cwd=REPO, env=environment, capture_output=True, text=True, timeout=60)


def test_a_clone_without_real_media_passes_and_says_how_many_tests_had_none(tmp_path):
    done = run(tmp_path, MEDIA, required=True)
    assert done.returncode == 0, done.stdout
    assert "1 tests of picture or sound had no real media to run on" in done.stdout
    assert "NOT RUN" not in done.stdout


def test_a_test_that_found_no_sound_card_fails_the_run(tmp_path):
    done = run(tmp_path, SCREEN, required=True)
    assert done.returncode == 1
    assert "NOT RUN, but needed here" in done.stdout
    assert run(tmp_path, SCREEN, required=False).returncode == 0
