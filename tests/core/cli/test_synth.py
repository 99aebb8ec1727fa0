import json
import signal
import subprocess
import sys
from fractions import Fraction

import pytest

from panosod_core.cli.main import main
from panosod_core.cli.synth import parse_fps, parse_size
from panosod_core.errors import ConfigError
from panosod_core.synth.truth import load_truth, masks_path, truth_path

SMALL = ["--size", "64x32", "--duration", "0.4", "--fps", "30000/1001"]


@pytest.fixture(autouse=True)
def signals():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(("text", "size"), [("1920x960", (1920, 960)), (" 64 X 32 ", (64, 32)), ("8×4", (8, 4))])
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "1920", "axb", "-4x2", "1920x960x3", "1e3x500"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ConfigError, match="1920x960"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "fps"), [("30", Fraction(30)), ("29.97", Fraction(2997, 100)), ("30000/1001", Fraction(30000, 1001))]
)
def test_frame_rates(text, fps):
    assert parse_fps(text) == fps


@pytest.mark.parametrize("text", ["", "fast", "30/0", "nan", "inf"])
def test_what_is_no_frame_rate_is_refused(text):
    with pytest.raises(ConfigError, match="30000/1001"):
        parse_fps(text)


def test_the_command_builds_a_clip_with_its_truth(tmp_path, capsys):
    clip = tmp_path / "a.mp4"
    assert main(["synth", "--demo", "--out", str(clip), "--seed", "3", *SMALL]) == 0
    said = capsys.readouterr()
    assert said.out.strip() == str(clip)
    assert "a.mp4" in said.err
    truth = load_truth(clip)
    assert (truth.header.seed, truth.header.fps, truth.header.frame_count) == (3, Fraction(30000, 1001), 12)


def test_json_prints_one_event_a_line(tmp_path, capsys):
    clip = tmp_path / "a.mp4"
    assert main(["synth", "--demo", "--json", "--out", str(clip), *SMALL]) == 0
    said = capsys.readouterr()
    events = [json.loads(line) for line in said.out.splitlines()]
    assert said.err == ""
    assert [event["event"] for event in events] == ["progress"] * 12 + ["done"]
    assert events[-2] == {"event": "progress", "done": 12, "total": 12}
    files = {"clip": str(clip), "truth": str(truth_path(clip)), "masks": str(masks_path(clip))}
    assert events[-1] | files == events[-1]


def test_without_out_it_lies_in_the_cache(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("panosod_core.synth.demo.user_cache_dir", lambda *_, **__: str(tmp_path))
    assert main(["synth", "--demo", *SMALL]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "demo.mp4")
    assert (tmp_path / "demo.mp4").is_file()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "--demo"),
        (["--demo", "--size", "641x320"], "twice as wide"),
        (["--demo", "--size", "322x161"], "multiple of 4"),
        (["--demo", "--size", "big"], "1920x960"),
        (["--demo", "--fps", "0"], "frame rate"),
        (["--demo", "--duration", "-1"], "duration"),
        (["--demo", "--seed", "-1"], "seed"),
        (["--demo", "--out", "/nowhere/at/all.mp4"], "cannot be written"),
        (["--demo", "--out", "clip.txt"], ".mp4 or .mov"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_1(words, says, capsys):
    assert main(["synth", *words]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert says in said.err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends processes without asking them")
def test_ending_the_process_leaves_nothing_behind(tmp_path):
    words = ["synth", "--demo", "--json", "--out", str(tmp_path / "a.mp4"), "--size", "64x32"]
    command = [sys.executable, "-m", "panosod_core.cli.main", *words, "--duration", "30", "--fps", "120"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert "progress" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
        assert process.wait(30) == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []
