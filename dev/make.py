#!/usr/bin/env python3
"""Set up and start panosod from a checkout: what the Makefile calls, and what Windows calls without make.

Needs nothing but Python >= 3.11's standard library. ``python dev/make.py run [VIDEO]``, ``test``, ``lint``, ``soak``.

Set-up is a virtual environment in ``.venv`` with the versions of ``constraints.txt`` and, on Debian and Ubuntu, the
system libraries that wheels cannot bring. Each step is skipped when it is already done, so that a second run starts at
once.
"""

import ctypes
import hashlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BUILD = ROOT / ".build"
MIN_PYTHON = (3, 11)

# What Qt's xcb platform, OpenGL, PortAudio and text need, as (what to look for, Debian package). Looking for the
# library rather than the package finds it under any package name (Debian 13 and Ubuntu 24.04 renamed several).
LIBRARIES = [
    ("libGL.so.1", "libgl1"),
    ("libEGL.so.1", "libegl1"),
    ("libOpenGL.so.0", "libopengl0"),
    ("libglib-2.0.so.0", "libglib2.0-0"),
    ("libdbus-1.so.3", "libdbus-1-3"),
    ("libfontconfig.so.1", "libfontconfig1"),
    ("libfreetype.so.6", "libfreetype6"),
    ("libxkbcommon.so.0", "libxkbcommon0"),
    ("libxkbcommon-x11.so.0", "libxkbcommon-x11-0"),
    ("libX11-xcb.so.1", "libx11-xcb1"),
    ("libxcb-cursor.so.0", "libxcb-cursor0"),
    ("libxcb-icccm.so.4", "libxcb-icccm4"),
    ("libxcb-image.so.0", "libxcb-image0"),
    ("libxcb-keysyms.so.1", "libxcb-keysyms1"),
    ("libxcb-randr.so.0", "libxcb-randr0"),
    ("libxcb-render-util.so.0", "libxcb-render-util0"),
    ("libxcb-shape.so.0", "libxcb-shape0"),
    ("libxcb-sync.so.1", "libxcb-sync1"),
    ("libxcb-xfixes.so.0", "libxcb-xfixes0"),
    ("libxcb-xkb.so.1", "libxcb-xkb1"),
    ("libxcb-glx.so.0", "libxcb-glx0"),
    ("libportaudio.so.2", "libportaudio2"),
]
HEADLESS_LIBRARIES = [
    ("libEGL_mesa.so.0", "libegl-mesa0"),
    ("libGLX_mesa.so.0", "libglx-mesa0"),
]
# A sound card of software and a hand on keyboard and pointer: what the tests drive the viewer with.
TEST_TOOLS = [("pulseaudio", "pulseaudio"), ("parec", "pulseaudio-utils"), ("xdotool", "xdotool")]
# The measured head that the embedded filters were computed from: a test computes them again.
KEMAR_PATTERNS = ("/usr/share/libmysofa/MIT_KEMAR_normal_pinna.sofa",)
FONT_DIRS = ("/usr/share/fonts", "/usr/local/share/fonts")
HEADLESS_TESTS = ("tests/core", "tests/docs", "tests/dev", "tests/benchmarks")
DRI_PATTERNS = ("/usr/lib/*/dri/swrast_dri.so", "/usr/lib/*/libgallium-*.so", "/usr/lib/dri/swrast_dri.so")
PULSE_PLUGIN_PATTERNS = ("/usr/lib/*/alsa-lib/libasound_module_pcm_pulse.so",)


def say(text: str) -> None:
    """One line to the person, at once."""
    print(f"panosod: {text}", flush=True)


def fail(text: str) -> "SystemExit":
    """An error to raise: one line, exit code 1."""
    say(text)
    return SystemExit(1)


def has_library(soname: str) -> bool:
    """True where the dynamic linker finds it."""
    try:
        ctypes.CDLL(soname)
    except OSError:
        return False
    return True


def exists(patterns: tuple[str, ...]) -> bool:
    """True where any of the absolute glob patterns matches."""
    return any(next(Path("/").glob(p.lstrip("/")), None) for p in patterns)


def has_display() -> bool:
    """True where a window can be opened."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def missing_packages(goal: str) -> list[str]:
    """Debian packages that the goal needs and this machine lacks."""
    missing = [package for soname, package in LIBRARIES if not has_library(soname)]
    if not any(next(Path(d).rglob("*.[to]tf"), None) for d in FONT_DIRS if Path(d).is_dir()):
        missing.append("fonts-dejavu-core")
    if goal == "test" or not has_display():
        missing += [package for soname, package in HEADLESS_LIBRARIES if not has_library(soname)]
        if not exists(DRI_PATTERNS):
            missing.append("libgl1-mesa-dri")
        if not which("Xvfb"):
            missing.append("xvfb")
    if goal == "test":
        missing += [package for tool, package in TEST_TOOLS if not which(tool)]
        if not exists(PULSE_PLUGIN_PATTERNS):
            missing.append("libasound2-plugins")
        if not exists(KEMAR_PATTERNS):
            missing.append("libmysofa1")
    return missing


def which(tool: str) -> str | None:
    """Like shutil.which, with the folders that a user's PATH may lack."""
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/bin:/usr/local/bin")


def is_debian() -> bool:
    """True on Debian, Ubuntu and their children."""
    return which("apt-get") is not None and Path("/etc/debian_version").exists()


def apt_install(packages: list[str]) -> None:
    """Install Debian packages, with sudo where needed; without the right to, say the one line to paste."""
    root = os.geteuid() == 0
    line = (
        f"{'' if root else 'sudo '}apt-get update && {'' if root else 'sudo '}apt-get install -y {' '.join(packages)}"
    )
    prefix: list[str] = []
    if not root:
        if not shutil.which("sudo"):
            raise fail(f"system libraries are missing and there is no sudo here; as root run: {line}")
        prefix = ["sudo"] if sys.stdin.isatty() else ["sudo", "-n"]
    say(f"installing system packages: {' '.join(packages)}")
    environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
    log = BUILD / "apt.log"
    with log.open("wb") as out:
        for step in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", *packages]):
            if subprocess.run([*prefix, *environment, *step], stdout=out, stderr=subprocess.STDOUT).returncode:
                raise fail(f"system packages could not be installed (log: {log}); run this line, then again: {line}")


def system_packages(goal: str) -> None:
    """Make sure that the system libraries of the goal are there (Linux only)."""
    if not sys.platform.startswith("linux"):
        return
    missing = missing_packages(goal)
    if not missing:
        return
    if not is_debian():
        raise fail(
            f"system libraries are missing; install what your system calls: {' '.join(missing)} (Debian's names)"
        )
    apt_install(missing)


def venv_python() -> Path:
    """The interpreter of the virtual environment."""
    return VENV / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def make_venv() -> None:
    """Create .venv, installing Debian's python3-venv where the standard library lacks ensurepip."""
    if (
        venv_python().exists()
        and subprocess.run([venv_python(), "-m", "pip", "--version"], capture_output=True).returncode == 0
    ):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    say("creating .venv")
    try:
        import ensurepip  # noqa: F401 - Debian splits it off; its absence is what we ask about
    except ImportError:
        package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        if not is_debian():
            raise fail(f"this Python has no ensurepip: install {package} or your system's package for it") from None
        apt_install([package])
    if subprocess.run([sys.executable, "-m", "venv", str(VENV)]).returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        raise fail(f"'{sys.executable} -m venv .venv' failed; see its message above")


def python_packages(goal: str) -> None:
    """Install the package (editable) and its pinned dependencies, once per change of what is asked for."""
    # The viewer itself runs without torch; its predictor and its finetuning jobs need the rest.
    extras = "[dev,model,fast,export,cluster,train]" if goal == "test" else "[model,fast,export]"
    inputs = (ROOT / "pyproject.toml").read_bytes() + (ROOT / "constraints.txt").read_bytes()
    want = hashlib.sha256(inputs + sys.version.encode() + str(ROOT).encode()).hexdigest()
    stamps = [VENV / "panosod-test.stamp"] + ([VENV / "panosod-run.stamp"] if goal == "run" else [])
    if any(s.exists() and s.read_text() == want for s in stamps):
        return
    say("installing Python packages into .venv (once; a few minutes on a slow line)")
    command = [str(venv_python()), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["-c", str(ROOT / "constraints.txt"), "-e", f"{ROOT}{extras}"]
    if subprocess.run(command).returncode:
        raise fail(
            "pip could not install the packages; see its message above, mend it (network, disk space), run again"
        )
    (VENV / f"panosod-{'test' if goal == 'test' else 'run'}.stamp").write_text(want)


def set_up(goal: str) -> None:
    """Everything that the goal ('run' or 'test') needs, each step only where it is not done yet."""
    if sys.version_info < MIN_PYTHON:
        raise fail(f"Python 3.11 or newer is needed, this is {platform.python_version()}: install one and run again")
    BUILD.mkdir(exist_ok=True)
    system_packages(goal)
    make_venv()
    python_packages(goal)


def demo_clip() -> Path:
    """The demo clip, built at first use."""
    clip = BUILD / "demo" / "demo.mp4"
    if not clip.exists():
        say("building the demo clip (once, about a minute)")
        clip.parent.mkdir(exist_ok=True)
        check([str(venv_python()), "-m", "panosod_core.cli.main", "synth", "--demo", "--out", str(clip)])
    return clip


def start_export() -> "subprocess.Popen[str] | None":
    """Begin to write the graphs of the model that comes with panosod, which a CPU runs three times as fast as torch.

    Returns:
        The process; None where they are there already, or where there is no such model.
    """
    models = sorted((ROOT / "assets" / "models").glob("*.safetensors"))
    if not models or export_is_there(models):
        return None
    say("preparing the model for this machine's processor (once, about a minute)")
    command = [str(venv_python()), "-m", "panosod_core.cli.main", "export-onnx", "--int8", "--if-missing", "--json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish_export(process: "subprocess.Popen[str] | None") -> None:
    """Wait for it. Without the graphs the model runs too, by torch."""
    if process is None:
        return
    told, errors = process.communicate()
    lines = told.strip().splitlines()
    if process.returncode or not lines:
        reason = (errors.strip().splitlines() or ["no reason given"])[-1]
        say(f"the model could not be prepared, so torch runs it, slower: {reason}")
        return
    models = sorted((ROOT / "assets" / "models").glob("*.safetensors"))
    stamp = {"key": export_key(models), "folder": json.loads(lines[-1])["folder"]}
    (BUILD / "export.json").write_text(json.dumps(stamp))


def export_key(models: list[Path]) -> str:
    """What the graphs depend on: the models, and the versions of what writes and runs them."""
    files = [f"{m.name} {m.stat().st_size} {m.stat().st_mtime_ns}" for m in models]
    constraints = (ROOT / "constraints.txt").read_text()
    return hashlib.sha256("\n".join([*files, constraints]).encode()).hexdigest()


def export_is_there(models: list[Path]) -> bool:
    """True where an earlier run has written them and nobody has removed them."""
    try:
        known = json.loads((BUILD / "export.json").read_text())
        return known["key"] == export_key(models) and (Path(known["folder"]) / "export.json").exists()
    except (OSError, ValueError, KeyError, TypeError):
        return False  # the command looks again, and does nothing where they are there


def check(command: list[str], **extra: object) -> None:
    """Run a command; end with its exit code where that is not 0."""
    code = subprocess.run(command, cwd=ROOT, **extra).returncode  # type: ignore[call-overload] - passed through
    if code:
        raise SystemExit(code)


def run_viewer(arguments: list[str]) -> None:
    """Open the viewer; without a display, run it for 15 s on a virtual one and say what was seen."""
    viewer = [str(venv_python()), "-m", "panosod_viewer"]
    export = start_export()
    arguments = arguments or [str(demo_clip())]
    finish_export(export)
    if has_display():
        check([*viewer, *arguments])
        return
    out = ROOT / "out"
    out.mkdir(exist_ok=True)
    picture, figures = out / "viewer.png", out / "playback.json"
    say("there is no display: running the viewer for 15 s on a virtual one (Xvfb)")
    headless = ["--play", "--exit-after", "15", "--save-window", str(picture), "--stats", str(figures)]
    xvfb = [str(venv_python()), str(ROOT / "dev" / "with_xvfb.py")]
    check([*xvfb, *viewer, *arguments, *headless])
    say(f"screenshot: {picture}")
    say(f"playback figures: {figures}")
    print(figures.read_text())


def demo_model() -> None:
    """Train the model that comes with panosod again; a run that was stopped goes on."""
    folder = BUILD / "demo-model"
    say(f"training in {folder} (hours on a processor; Ctrl-C saves, the same command goes on)")
    check([str(venv_python()), "-m", "panosod_core.training.demo_model", str(folder)])
    say(f"judge it: panosod evaluate --model {folder / 'panosod-demo.safetensors'} --scenes 100")
    say("to ship it, put it into assets/models, with the numbers in its card beside it")


def tests(arguments: list[str]) -> None:
    """Some of the tests, in one process."""
    check([str(venv_python()), "-m", "pytest", *arguments])


def all_tests() -> None:
    """The test suite: what needs neither a window nor a sound card in two processes, then the rest alone."""
    pytest = [str(venv_python()), "-m", "pytest", "-m", "not soak"]
    # One thread a process: two processes with two threads each only wait for each other.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    headless = subprocess.run([*pytest, "-n", "2", "--dist", "loadfile", *HEADLESS_TESTS], cwd=ROOT, env=environment)
    windowed = subprocess.run([*pytest, *(f"--ignore={folder}" for folder in HEADLESS_TESTS)], cwd=ROOT)
    if headless.returncode or windowed.returncode:
        raise SystemExit(headless.returncode or windowed.returncode)


def lint() -> None:
    """Format, style, types, architecture, sizes: all that a machine can judge."""
    python = str(venv_python())
    bin_dir = venv_python().parent
    for command in (
        [python, "-m", "ruff", "format", "--check", "."],
        [python, "-m", "ruff", "check", "."],
        [python, "-m", "mypy"],
        [str(bin_dir / "lint-imports")],
        [python, str(ROOT / "dev" / "limits.py")],
    ):
        say("$ " + shlex.join(command[1:] if command[0] == python else command))
        check(command)


def main(argv: list[str]) -> int:
    """Dispatch a goal."""
    goal, rest = (argv[0], argv[1:]) if argv else ("", [])
    if goal == "run":
        set_up("run")
        run_viewer(rest)
    elif goal == "demo-model":
        set_up("run")
        demo_model()
    elif goal in ("test", "soak", "lint", "setup"):
        set_up("test")
        if goal == "test":
            if rest:
                tests(["-m", "not soak", *rest])
            else:
                all_tests()
        elif goal == "soak":
            tests(["-m", "soak", *rest])
        elif goal == "lint":
            lint()
    else:
        raise fail(f"expected one of run [VIDEO], test, lint, soak, setup, demo-model; got {goal!r}")
    return 0


if __name__ == "__main__":
    try:
        raise SystemExit(main(sys.argv[1:]))
    except KeyboardInterrupt:  # whatever it ran was told, too
        raise SystemExit(130) from None
