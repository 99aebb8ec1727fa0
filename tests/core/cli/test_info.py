"""The ``panosod`` command and its ``info``."""

import json
import subprocess
import sys

import pytest

from panosod_core.cli.main import COMMANDS, main
from panosod_core.geometry.picture import PictureGeometry, StereoMode
from panosod_core.media.inject import AmbisonicSound, write_spherical
from tests.core.media.clip_making import make_clip

VIDEO_FIELDS = {"codec", "width", "height", "fps", "pix_fmt", "range", "matrix", "projection", "stereo", "bounds"}
VIDEO_FIELDS |= {"pose_deg", "source"}
AUDIO_FIELDS = {"codec", "channels", "sample_rate_hz", "format", "order", "head_locked", "channel_map", "source"}


@pytest.fixture
def clip(tmp_path):
    src = make_clip(tmp_path / "src.mov", sound="pcm_s16le", layout="5.1")
    geometry = PictureGeometry(stereo=StereoMode.TOP_BOTTOM, pose_deg=(10.0, 20.0, 30.0))
    sound = AmbisonicSound(1, head_locked=True, channel_map=(2, 3, 4, 5, 0, 1))
    write_spherical(src, tmp_path / "a.mov", geometry=geometry, sound=sound)
    return tmp_path / "a.mov"


def test_json_has_the_fields_of_the_manual(clip, capsys):
    assert main(["info", str(clip), "--json"]) == 0
    out = json.loads(capsys.readouterr().out)
    assert set(out["video"]) >= VIDEO_FIELDS and set(out["audio"]) >= AUDIO_FIELDS
    assert {k: out["video"][k] for k in ("projection", "stereo", "pose_deg", "source", "fps", "range", "matrix")} == {
        "projection": "equirectangular", "stereo": "top-bottom", "pose_deg": [10.0, 20.0, 30.0], "source": "sv3d",
        "fps": 25.0, "range": "limited", "matrix": "bt709",
    }  # fmt: skip
    assert {k: out["audio"][k] for k in AUDIO_FIELDS - {"codec"}} == {
        "channels": 6, "sample_rate_hz": 48000, "format": "ambix", "order": 1, "head_locked": True,
        "channel_map": [2, 3, 4, 5, 0, 1], "source": "SA3D",
    }  # fmt: skip
    assert any(c["source"] == "SA3D" and "4,5,0,1,2,3" in c["value"] for c in out["claims"])


def test_null_where_there_is_none(tmp_path, capsys):
    assert main(["info", str(make_clip(tmp_path / "a.mp4")), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["audio"] is None
    assert main(["info", str(make_clip(tmp_path / "a.wav", size=None, sound="pcm_s16le")), "--json"]) == 0
    out = json.loads(capsys.readouterr().out)
    assert out["video"] is None and out["audio"]["order"] == 1


def test_table(clip, capsys):
    assert main(["info", str(clip)]) == 0
    text = capsys.readouterr().out
    for words in ("64x32, 25 fps", "equirectangular, from: sv3d", "top-bottom", "yaw 10, pitch 20, roll 30"):
        assert words in text
    for words in ("6 channels, 48000 Hz", "ambix, order 1, and head-locked stereo, from: SA3D", "2, 3, 4, 5, 0, 1"):
        assert words in text


def test_a_hostile_name_stays_one_line(tmp_path, capsys):
    path = make_clip(tmp_path / "x.mp4").rename(tmp_path / "a\nb\x1b[31m\udcff.mp4")
    assert main(["info", str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[0].count("\\x1b") == 1
    assert main(["info", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["path"] == str(path)
    assert main(["info", str(tmp_path / "no\nfile.mp4")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("name", ["none.mp4", ".", "https://example.org/a.mp4", "text.mp4", "empty.mp4"])
def test_errors_are_one_line_and_exit_code_1(tmp_path, monkeypatch, capsys, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.mp4").write_text("hello\n" * 100)
    (tmp_path / "empty.mp4").touch()
    assert main(["info", name]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("panosod: ") and captured.err.count("\n") == 1


def test_the_dispatcher(capsys):
    assert main([]) == 2 and "usage" in capsys.readouterr().err
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(command in text for command in COMMANDS)
    assert main(["nonsense"]) == 2 and "nonsense" in capsys.readouterr().err
    assert main(["--version"]) == 0 and capsys.readouterr().out.startswith("panosod ")
    with pytest.raises(SystemExit) as caught:
        main(["info"])
    assert caught.value.code == 2


def test_a_command_imports_only_what_it_needs():
    code = (
        "import sys, panosod_core.cli.main; "
        "sys.exit(any(m in sys.modules for m in ('numpy', 'av', 'scipy', 'torch', 'panosod_core.cli.info')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_a_closed_pipe_is_no_traceback(clip):
    code = f"import sys; from panosod_core.cli.main import main; sys.exit(main(['info', {str(clip)!r}]))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        process.wait(timeout=60)
