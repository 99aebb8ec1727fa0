"""``panosod evaluate``."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from panosod_core.cli.evaluate import clip_subsets
from panosod_core.cli.main import COMMANDS, main
from panosod_core.errors import ConfigError
from panosod_core.metrics.measure import measure
from panosod_core.metrics.options import VARIANTS
from tests.core.metrics.golden_maps import disc, noise

CLIPS = ["_-ByBF08H-wDA", "_-Oak26yVbibQ", "_conversation"]


def frame(seed):
    truth = disc(16, 32, 3 + seed % 8, 5 * seed % 32, 3)
    return np.where(truth, 100 + noise(seed, 16, 32) // 2, 9).astype(np.uint8), truth * np.uint8(255)


@pytest.fixture
def folders(tmp_path):
    for seed in range(6):
        for folder, array in zip(("pred", "gt"), frame(seed), strict=True):
            path = tmp_path / folder / CLIPS[seed // 2] / f"{seed * 6:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(path)
    return str(tmp_path / "pred"), str(tmp_path / "gt")


def events(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_table_by_subset(folders, capsys):
    assert main(["evaluate", *folders]) == 0
    out, err = capsys.readouterr()
    assert "subsets: ASOD60K test split" in out and err == ""
    sets = [line.split()[:3] for line in out.splitlines()[2:]]
    assert sets[:4] == [
        ["All", "flat", "frames"],
        ["All", "flat", "clips"],
        ["Test1", "flat", "frames"],
        ["Test1", "flat", "clips"],
    ]
    assert sum(s[1] == "sphere" for s in sets) == 8
    assert main(["evaluate", *folders, "--flat-only"]) == 0
    assert "sphere" not in capsys.readouterr().out


def test_json_events(folders, capsys):
    assert main(["evaluate", *folders, "--json", "--jobs", "2"]) == 0
    *progress, result = events(capsys)
    assert [e["event"] for e in progress] == ["progress"] * 6 and progress[-1] == {
        "event": "progress",
        "done": 6,
        "total": 6,
    }
    assert result["event"] == "result" and result["options"]["stretch"] == "unless-constant"
    expected = np.mean([measure(*frame(seed)).s[0] for seed in range(6)])
    assert result["flat"]["all"]["frame_mean"]["s"] == pytest.approx(expected, abs=1e-12)


def test_csv_and_markdown(folders, capsys, tmp_path):
    assert main(["evaluate", *folders, "--csv", str(tmp_path / "a.csv"), "--markdown", "--name", "our model"]) == 0
    assert "| **our model** | " in capsys.readouterr().out
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 1 + 2 * (2 + 6 + 3)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "gt", "pred"]
    assert main(["evaluate", *folders, "--csv", str(tmp_path / "none" / "a.csv")]) == 1
    assert "cannot write" in capsys.readouterr().err


def test_what_is_missing_is_said(folders, capsys, tmp_path):
    (tmp_path / "pred" / CLIPS[0] / "00000.png").unlink()
    (tmp_path / "pred" / CLIPS[1] / "00012.png").write_bytes(b"?")
    assert main(["evaluate", *folders]) == 0
    err = capsys.readouterr().err.splitlines()
    assert err[0] == f"panosod: 1 of 6 predictions missing, not in the numbers: {CLIPS[0]}/00000"
    assert "1 pictures unreadable" in err[1] and "00012.png" in err[1] and len(err) == 2
    assert main(["evaluate", *folders, "--missing-as-black", "--json"]) == 0
    assert events(capsys)[-1]["judged"] == 6


def test_nothing_judged_is_a_failure(folders, capsys, tmp_path):
    for path in (tmp_path / "gt").rglob("*.png"):
        path.write_bytes(b"?")
    assert main(["evaluate", *folders]) == 1
    err = capsys.readouterr().err
    assert "6 pictures unreadable" in err and "and 1 more" in err


def test_options_reach_the_scores(folders, capsys):
    for words, options in (
        (["--variant", "eval-co-sod"], VARIANTS["eval-co-sod"]),
        (["--stretch", "never", "--thresholds", "255", "--cut-at-centroid", "--strict-e", "--empty", "formula"], None),
    ):
        assert main(["evaluate", *folders, "--json", *words]) == 0
        result = events(capsys)[-1]
        assert len(result["flat"]["all"]["f_curve"]) == 255
        if options is None:
            assert result["options"]["strict_e"] and not result["options"]["centroid_plus_one"]
            assert (result["options"]["stretch"], result["options"]["empty"]) == ("never", "formula")
        else:
            expected = np.mean([measure(*frame(seed), options).mae[0] for seed in range(6)])
            assert result["flat"]["all"]["frame_mean"]["mae"] == pytest.approx(expected, abs=1e-12)
    assert main(["evaluate", *folders, "--size", "16", "8"]) == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--jobs", "0"], "--jobs"),
        (["--size", "0", "8"], "--size"),
        (["--truth-above", "300"], "--truth-above"),
        (["--subsets", "nowhere.csv"], "nowhere.csv"),
    ],
)
def test_options_that_cannot_be_used(folders, capsys, words, expected):
    assert main(["evaluate", *folders, *words]) == 1
    err = capsys.readouterr().err
    assert expected in err and err.count("\n") == 1


def test_subsets(tmp_path):
    assert clip_subsets("auto", ["a", "b"]) == ("none", {})
    assert clip_subsets("none", ["A/a"]) == ("none", {})
    assert clip_subsets("auto", ["A/a", "B/b"]) == ("first folder", {"A/a": "A", "B/b": "B"})
    assert clip_subsets("folders", ["A/a", "b"]) == ("first folder", {"A/a": "A"})
    assert clip_subsets("auto", ["_Ellen2", "b"]) == ("ASOD60K test split", {"_Ellen2": "Test3"})
    with pytest.raises(ConfigError, match="a, b"):
        clip_subsets("asod60k", ["a", "b"])
    file = tmp_path / "s.csv"
    file.write_text("a, one\n\nb,two\nelsewhere,two\n")
    assert clip_subsets(str(file), ["a", "b", "c"]) == (str(file), {"a": "one", "b": "two"})
    for text, words in (("a\n", "clip,subset"), ("z,one\n", "names none")):
        file.write_text(text)
        with pytest.raises(ConfigError, match=words):
            clip_subsets(str(file), ["a"])


def test_it_is_listed_and_needs_no_torch(folders):
    assert "evaluate" in COMMANDS
    code = (
        "import sys; from panosod_core.cli.main import main; code = main(sys.argv[1:]); "
        "assert not {'torch', 'cv2', 'scipy', 'av', 'PySide6'} & set(sys.modules); sys.exit(code)"
    )
    subprocess.run([sys.executable, "-c", code, "evaluate", *folders], check=True, capture_output=True, timeout=60)
