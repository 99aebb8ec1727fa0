import json
import subprocess
import sys
from pathlib import Path

import pytest

from panosod_core.errors import ConfigError
from panosod_core.media.choice import PICTURE_CHOICES, SOUND_CHOICES
from panosod_viewer.arguments import PROJECTIONS, SOUNDS, Arguments, parse_arguments

ALL_OPTIONS = [
    "--at", "--yaw", "--pitch", "--roll", "--fov", "--size", "--screenshot", "--record", "--gaze", "--hrtf", "--device",
    "--projection", "--sound", "--tracker", "--theme", "--render-scale", "--play", "--paused", "--fullscreen",
    "--stats", "--stats-every", "--exit-after", "--save-window", "--log-level", "--settings", "--version",
    "--repeat", "--bare",
]  # fmt: skip


def test_without_words_nothing_is_asked():
    assert parse_arguments([]) == Arguments()


def test_all_words_arrive():
    words = (
        "clip.mp4 --at 1.5 --yaw -20 --pitch 10 --roll 5 --fov 100 --size 640x360 --projection 180 --sound fuma "
        "--tracker 9001 --theme dark --render-scale 0.5 --paused --fullscreen --exit-after 3 --log-level info "
        "--repeat --bare --stats s.json --stats-every 0.5"
    )
    got = parse_arguments(words.split())
    assert got.clip == "clip.mp4"
    assert (got.at_s, got.yaw_deg, got.pitch_deg, got.roll_deg, got.fov_deg) == (1.5, -20, 10, 5, 100)
    assert (got.size, got.projection, got.sound, got.tracker) == ((640, 360), "180", "fuma", 9001)
    assert (got.theme, got.render_scale, got.play, got.fullscreen) == ("dark", 0.5, False, True)
    assert (got.exit_after_s, got.log_level) == (3.0, "info")
    assert (got.repeat, got.bare, got.stats, got.stats_every_s) == (True, True, Path("s.json"), 0.5)


def test_the_choices_are_those_of_the_core():
    assert tuple(PICTURE_CHOICES) == PROJECTIONS
    assert tuple(SOUND_CHOICES) == SOUNDS


@pytest.mark.parametrize(
    "words",
    [
        "--size 640", "--size 0x0", "--size 640x99999", "--fov 3", "--fov 400", "--pitch 91", "--at -1", "--tracker 0",
        "--render-scale 2", "--yaw nan", "--play --paused", "--theme pink", "--exit-after inf", "--stats-every 0",
        "a.mp4 b.mp4",
    ],
)  # fmt: skip
def test_words_that_cannot_be_meant_are_refused(words, capsys):
    with pytest.raises(SystemExit) as end:
        parse_arguments(words.split())
    assert end.value.code == 2
    assert "error:" in capsys.readouterr().err


@pytest.mark.parametrize("words", [
    "--screenshot a.png", "--record a.mp4", "c.mp4 --gaze p.csv", "c.mp4 --stats-every 1",
    "c.mp4 --screenshot a.png --record b.mp4",
])  # fmt: skip
def test_words_that_do_not_go_together_are_one_line(words):
    with pytest.raises(ConfigError):
        parse_arguments(words.split())


def test_help_shows_every_option(capsys):
    with pytest.raises(SystemExit) as end:
        parse_arguments(["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert [option for option in ALL_OPTIONS if option not in text] == []


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_help_and_version_load_neither_qt_nor_numpy(word):
    code = (
        "import sys, json\n"
        "from panosod_viewer.__main__ import main\n"
        "try:\n    main([sys.argv[1]])\nexcept SystemExit:\n    pass\n"
        "heavy = ['PySide6', 'numpy', 'OpenGL', 'av', 'torch', 'scipy', 'cv2']\n"
        "print(json.dumps([m for m in heavy if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code, word], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []
