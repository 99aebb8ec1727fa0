import json
import signal

import pytest

from panosod_core.cli.main import main
from panosod_core.cli.synth import SynthArguments, parse_count_range, parse_range, scene_files
from panosod_core.errors import ConfigError
from panosod_core.synth.scene_config import HeldOut, Place

SMALL = ["--size", "32x16", "--duration", "0.5", "--rate", "8000"]


@pytest.fixture(autouse=True)
def signals():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("2-6", (2, 6)),
        ("3", (3, 3)),
        ("-5:20", (-5, 20)),
        ("-5--2", (-5, -2)),
        ("0.5..1.5", (0.5, 1.5)),
        (" 1 - 2 ", (1, 2)),
    ],
)
def test_ranges(text, span):
    assert parse_range(text, name="objects") == span


@pytest.mark.parametrize("text", ["", "a-b", "2-", "2-6-8", "nan"])
def test_what_is_no_range_is_refused(text):
    with pytest.raises(ConfigError, match="--objects"):
        parse_range(text, name="objects")


def test_counts_are_whole():
    assert parse_count_range("2-6", name="objects") == (2, 6)
    with pytest.raises(ConfigError, match="whole"):
        parse_count_range("2.5", name="objects")


def test_options_reach_the_scenes():
    args = SynthArguments(
        scenes=4, seed=9, test=2, held_out=("timbres",), objects="3-5", twins=3, turn=2.0, radius="12-20",
        place="poles", rooms=0.5, music=1.0, music_snr="-3:3", noise_snr="10", size="64x32", fps="25",
        duration=2.0, rate=32000,
    )  # fmt: skip
    files = scene_files(args)
    assert (files.count, files.first_seed, files.test, files.held_out) == (4, 9, 2, (HeldOut.TIMBRES,))
    assert (files.width, files.height, files.fps, files.sample_rate_hz) == (64, 32, 25, 32000)
    config = files.config
    assert (config.objects, config.twins, config.turn_s, config.radius_deg) == ((3, 5), 3, 2.0, (12, 20))
    assert (config.place, config.room, config.music) == (Place.POLES, 0.5, 1.0)
    assert (config.music_snr_db, config.diffuse_snr_db, config.duration_s) == ((-3, 3), (10, 10), 2.0)


def test_the_command_writes_a_set(tmp_path, capsys):
    root = tmp_path / "set"
    assert main(["synth", "--scenes", "2", "--out", str(root), "--twins", "2", *SMALL]) == 0
    said = capsys.readouterr()
    assert said.out.strip() == str(root)
    assert "2 scenes" in said.err
    assert (root / "dataset.json").is_file()
    assert sorted(p.name for p in (root / "ambisonics_trimmed").iterdir()) == [
        "scene_00000000.wav",
        "scene_00000001.wav",
    ]
    assert main(["data", "check", str(root)]) == 0


def test_json_prints_one_event_a_scene(tmp_path, capsys):
    assert main(["synth", "--scenes", "2", "--json", "--out", str(tmp_path / "set"), "--seed", "5", *SMALL]) == 0
    said = capsys.readouterr()
    events = [json.loads(line) for line in said.out.splitlines()]
    assert said.err == ""
    assert [(e["event"], e.get("name")) for e in events[:2]] == [("progress", f"scene_{k:08d}") for k in (5, 6)]
    assert events[2] | {"event": "done", "folder": str(tmp_path / "set"), "scenes": 2} == events[2]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--scenes", "1"], "--out"),
        (["--scenes", "1", "--demo"], "one of the two"),
        (["--scenes", "-1", "--out", "x"], "1 to 99999"),
        (["--scenes", "1", "--out", "x", "--objects", "many"], "--objects"),
        (["--scenes", "1", "--out", "x", "--objects", "1-2"], "twins"),
        (["--scenes", "1", "--out", "x", "--pictures", "/nowhere/at/all"], "no folder"),
        (["--scenes", "1", "--out", "/dev/null/x", *SMALL], "cannot be written"),
        (["--scenes", "1", "--out", "x", "--size", "33x16"], "twice as wide"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_1(words, says, capsys):
    assert main(["synth", *words]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert says in said.err
