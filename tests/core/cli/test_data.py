"""``panosod data check``."""

import json
import subprocess
import sys
from fractions import Fraction

import pytest

from panosod_core.cli.data import parse_rates
from panosod_core.cli.main import main
from panosod_core.errors import ConfigError
from tests.core.datasets.tiny_sets import make_asod, make_duts_repack, make_l3das, sound_from, write_wav


def test_report_of_a_clean_set(tmp_path, capsys):
    assert main(["data", "check", str(make_asod(tmp_path))]) == 0
    out = capsys.readouterr().out
    for words in (": asod60k", "train     2 sequences, 16 pictures, 16 masks, 16 windows", "  Test1",
                  "a training run would", "learn from 16 windows of 2 train",
                  "--full decodes everything"):  # fmt: skip
        assert words in out
    assert "wrong" not in out and "odd" not in out


def test_report_of_a_set_with_holes(tmp_path, capsys):
    make_asod(tmp_path)
    (tmp_path / "ambisonics_trimmed" / "_Ellen.wav").unlink()
    (tmp_path / "DATA" / "train" / "_-IRG9Z7Y2uS4" / "00006.png").unlink()
    write_wav(tmp_path / "ambisonics_trimmed" / "_-5h95uTtPeck.wav", sound_from(0, 0, duration_s=9.0))
    assert main(["data", "check", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    for words in ("wrong", "1 sequences without a sound file: left out where sound is learned", "_Ellen", "odd",
                  "1 pictures (of a video: key frames) without a mask: not learned or scored", "_-IRG9Z7Y2uS4: 1",
                  "sound files that go on after the last picture", "8 left out: no sound"):  # fmt: skip
        assert words in out


def test_json(tmp_path, capsys):
    assert main(["data", "check", str(make_asod(tmp_path)), "--json", "--full"]) == 0
    out = json.loads(capsys.readouterr().out)
    assert out["layout"] == "asod60k" and out["clean"] and out["full"]
    assert [row["windows"] for row in out["counts"]] == [16, 16, 8, 8]
    assert out["looked_at"] == {"headers": 64, "masks": 32, "pictures": 32, "sounds": 4}
    assert set(out) == {
        "layout", "root", "clean", "full", "counts", "looked_at", "channel_order", "findings", "plan",
    }  # fmt: skip
    assert {"kind", "weight", "count", "text", "action", "examples"} == set(out["findings"][0])


def test_json_of_recordings_tells_the_channel_order(tmp_path, capsys):
    assert main(["data", "check", str(make_l3das(tmp_path)), "--json"]) == 0
    order = json.loads(capsys.readouterr().out)["channel_order"]
    assert order["verdict"] == "agrees" and order["best"] == "acn" and order["directions"] == 8


def test_options(tmp_path, capsys):
    make_asod(tmp_path / "set")
    (tmp_path / "set" / "frame_key").rename(tmp_path / "set" / "pictures")
    call = ["data", "check", str(tmp_path / "set"), "--json", "--layout", "asod60k"]
    assert main(call) == 1
    assert "frame_key: expected a folder with the key frames" in capsys.readouterr().err
    more = ["--frames", "pictures", "--order", "wxyz", "--rate", "_Ellen=25", "_-5h95uTtPeck=24"]
    assert main(call + more) == 0
    out = json.loads(capsys.readouterr().out)
    assert any("channels read as wxyz" in line for line in out["plan"])
    kinds = {finding["kind"] for finding in out["findings"]}
    assert "sound-short" in kinds  # 48 frames take longer at 25 fps than the sound lasts


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--order", "loud"], "expected a channel order such as acn"),
        (["--rate", "25"], "expected a frame rate such as"),
        (["--rate", "_Ellen=fast"], "expected a frame rate such as"),
        (["--layout", "duts"], "there are no such pairs"),
    ],
)
def test_mistakes_are_one_line(tmp_path, capsys, words, message):
    assert main(["data", "check", str(make_asod(tmp_path)), *words]) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1 and error.startswith("panosod: ")


def test_folders_that_hold_nothing_known(tmp_path, capsys):
    assert main(["data", "check", str(tmp_path / "nowhere")]) == 1
    assert "no such folder" in capsys.readouterr().err
    assert main(["data", "check", str(tmp_path)]) == 1
    assert "expected one of the known layouts" in capsys.readouterr().err


def test_hostile_names_stay_on_their_line(tmp_path, capsys):
    make_duts_repack(tmp_path, train=("a\nb\x1b[31m",))
    (tmp_path / "train.txt").write_text("c\n")
    main(["data", "check", str(tmp_path)])
    assert "\x1b" not in capsys.readouterr().out


def test_rates():
    assert parse_rates(("_Ellen=30000/1001", "a=b=25")) == {"_Ellen": Fraction(30000, 1001), "a=b": Fraction(25)}
    for text in ("=25", "a=0", "a=-1", "a=1/0", "a"):
        with pytest.raises(ConfigError):
            parse_rates((text,))


def test_listing_and_checking_import_no_torch(tmp_path):
    make_asod(tmp_path)
    code = (
        "import sys; from panosod_core.cli.main import main; "
        f"code = main(['data', 'check', {str(tmp_path)!r}, '--json']); "
        "import panosod_core.datasets.augment, panosod_core.datasets.l3das; "
        "sys.exit(code or ('torch' in sys.modules and 7) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
