"""The wheel holds what the viewer needs: built, installed into an empty environment, and started from there."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.clips import demo_clip
from tests.virtual_display import virtual_display

REPO = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Interpreter of an environment that holds panosod from its wheel, and nothing of the checkout."""
    work = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(work), str(REPO)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = work.glob("panosod-*.whl")
    venv.create(work / "env", with_pip=False)
    python = work / "env" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(command, check=True, capture_output=True)
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True).stdout.strip())
    # The dependencies come from the environment of the tests: a plain path line, so that its own .pth files, the
    # editable install among them, are not followed.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def run(python: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return subprocess.run([python, *arguments], cwd=cwd, env=env, capture_output=True, text=True, timeout=120)


def test_packages_come_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    code = "import panosod_core, panosod_viewer; print(panosod_core.__file__, panosod_viewer.__file__)"
    done = run(installed, "-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert str(REPO) not in done.stdout


def test_data_files_are_found(installed: Path, tmp_path: Path) -> None:
    code = (
        "from panosod_viewer.resources import shader_dir, icon\n"
        "from panosod_core.ambisonics.filters import default_filters\n"
        "from panosod_core.resources import demo_model_path\n"
        "assert 1_000_000 < demo_model_path().stat().st_size <= 16_000_000\n"
        "print(sorted(p.name for p in shader_dir().iterdir())[0], default_filters(1).taps.shape)"
    )
    done = run(installed, "-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.gl
def test_viewer_starts_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    """The installed viewer opens a clip in its real window, shows frames, and saves what it shows."""
    clip = demo_clip(tmp_path)
    picture, stats = tmp_path / "window.png", tmp_path / "stats.json"
    with virtual_display():
        done = run(
            installed,
            *("-m", "panosod_viewer", str(clip), "--play", "--model", "none", "--exit-after", "3"),
            *("--save-window", str(picture), "--stats", str(stats)),
            cwd=tmp_path,
        )
    assert done.returncode == 0, done.stderr
    assert picture.stat().st_size > 10_000
    assert stats.exists()
