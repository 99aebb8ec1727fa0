"""The benchmark of the paper's claims at micro size: its scores, its cache, its tables."""

import json
from dataclasses import replace
from types import MappingProxyType

import claims
import claims_run
import numpy as np
import pytest
import torch
from claims_plan import BASE, RECIPE, TESTS, TRAINING, TWINS, WINDOW, Row, Table, tables
from claims_report import missing, spread, table_text
from claims_run import frames_used, maps_of, run
from claims_scores import choice_right, peak_direction, peak_errors_deg, turning_errors
from claims_windows import WindowSetSpec, batch_of, moved, turned, window_set
from hypothesis import given, settings
from hypothesis import strategies as st

from panosod_core.datasets.augment import Augmentation, transformed_picture, transformed_sound
from panosod_core.geometry.sphere import angle_between, direction, equirect_directions
from panosod_core.model.network import build_network

# --- scores


def test_the_choice_is_by_mean_saliency_over_the_sphere():
    labels = np.zeros((3, 8, 16), np.uint8)
    labels[:, 0, :4], labels[:, 4, :4] = 1, 2
    maps = np.zeros((3, 8, 16))
    maps[0, 4, :4], maps[1, 0, :4] = 0.5, 0.5
    twins = np.array([[True, True, False]] * 3)
    sounding = np.array([[False, True, False]] * 3)
    assert choice_right(maps, labels, twins, sounding).tolist() == [1.0, 0.0, 0.5], "an undecided map is a coin"


def test_others_than_the_candidates_are_not_asked():
    labels = np.zeros((1, 8, 16), np.uint8)
    labels[:, 2, :4], labels[:, 3, :4], labels[:, 4, :4] = 1, 2, 3
    maps = (labels == 3) * 1.0 + (labels == 2) * 0.5
    candidates, sounding = np.array([[True, True, False]]), np.array([[False, True, False]])
    assert choice_right(maps, labels, candidates, sounding).tolist() == [1.0]


@given(st.floats(-np.pi, np.pi), st.floats(-1.5, 1.5), st.sampled_from([(4, 8, 17.0), (13, 26, 4.5), (64, 128, 0.6)]))
@settings(max_examples=40, deadline=None)
def test_the_peak_of_a_bump_is_where_the_bump_is(azimuth_rad, elevation_rad, grid):
    height, width, within_deg = grid
    where = direction(azimuth_rad, elevation_rad)
    surface = np.exp(4 * (equirect_directions(width, height) @ where - 1))
    assert np.degrees(angle_between(peak_direction(surface), where)) < within_deg
    assert peak_errors_deg(surface[None], where[None, None], np.array([[True]]))[0] < within_deg


def test_a_map_without_a_peak_still_has_a_direction():
    assert np.linalg.norm(peak_direction(np.full((4, 8), 0.3))) == pytest.approx(1.0)


def test_maps_that_turn_with_the_world_have_no_turning_error():
    maps = np.random.default_rng(0).random((3, 8, 16))
    assert turning_errors(maps, maps).tolist() == [0, 0, 0]
    apart = turning_errors(maps, 1 - maps)
    assert (apart > 0.3).all() and (apart <= 1).all()
    assert turning_errors(np.eye(8)[None], np.eye(8)[::-1][None]).tolist() == [1.0]


# --- windows

worlds = st.builds(Augmentation, st.integers(0, 127).map(lambda n: n / 128), st.booleans(), st.booleans())


@given(worlds)
@settings(max_examples=40, deadline=None)
def test_worlds_are_transformed_as_in_the_core(how):
    rng = np.random.default_rng(1)
    picture, sound = rng.random((2, 4, 128), np.float32), rng.standard_normal((4, 9)).astype(np.float32)
    assert np.array_equal(moved(torch.from_numpy(picture), how).numpy(), transformed_picture(picture, how))
    np.testing.assert_allclose(turned(torch.from_numpy(sound), how).numpy(), transformed_sound(sound, how), atol=2e-6)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("claims")


@pytest.fixture
def micro(monkeypatch):
    """The benchmark with a handful of windows."""
    training = MappingProxyType({name: replace(spec, count=6) for name, spec in TRAINING.items()})
    tests = MappingProxyType({name: replace(spec, count=4) for name, spec in TESTS.items()})
    for module in (claims_run, claims):
        monkeypatch.setattr(module, "TRAINING", training)
        monkeypatch.setattr(module, "TESTS", tests)
    monkeypatch.setattr(claims_run, "SHIFTS", (1, 2))
    return training, tests


def test_windows_come_back_from_their_file(cache, monkeypatch):
    spec = WindowSetSpec(3, 5, WINDOW, TWINS)
    fresh = window_set(spec, cache)
    monkeypatch.setattr("claims_windows.SyntheticWindows", None)
    again = window_set(spec, cache)
    assert all(torch.equal(getattr(fresh, name), getattr(again, name)) for name in ("frames", "foa", "labels"))
    assert replace(spec, first_seed=6).key != spec.key != replace(spec, scene=replace(TWINS, twins=0)).key
    batch = batch_of(again, torch.tensor([2, 0]), offsets=(1, 2))
    assert batch["frames"].shape == (2, 2, 3, 64, 128) and batch["foa"].abs().max() <= 1
    # Exactly one twin is salient, and the mask is where it is seen.
    labels, sounding = again.labels[2, 1], again.sounding[2, 1]
    assert sounding.sum() == 1 and again.twin[2][sounding].all()
    assert torch.equal(batch["masks"][0, 0] > 0, labels == int(sounding.nonzero()) + 1)


@pytest.mark.parametrize("window, places", [(1, (2,)), (2, (1, 2)), (3, (1, 2, 3)), (4, (0, 1, 2, 3))])
def test_windows_of_any_length_are_about_the_same_moment(window, places):
    config = replace(BASE, window=window)
    assert frames_used(config) == places
    assert frames_used(config)[config.window_centre] == WINDOW.target


# --- runs

ROW = Row("micro", replace(BASE, channels=16, backbone_width=1 / 8), recipe=replace(RECIPE, max_steps=2, batch=2))


def test_a_run_is_done_once_and_new_sets_are_judged_without_training(cache, micro, monkeypatch):
    record = run(ROW, 3, cache)
    assert record["steps"] == 2 and record["seed"] == 3
    scores = record["tests"]["twins"]
    assert scores["chance"] == 0.5 and 0 <= scores["chosen"] <= 1 and 0 <= scores["shuffled"] <= 1
    assert {"f", "s", "e", "mae", "peak_deg", "map_peak_deg", "turning"} <= scores.keys()
    assert all(np.isfinite(value) for name, value in scores.items() if name != "set")

    def never(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(claims_run, "train", never)
    assert run(ROW, 3, cache) == record
    more = run(replace(ROW, tests=("twins", "seam")), 3, cache)
    assert more["tests"]["twins"] == scores and more["tests"]["seam"]["chance"] == 0.5
    with pytest.raises(AssertionError, match="trained again"):
        run(ROW, 4, cache)
    with pytest.raises(AssertionError, match="trained again"):
        run(replace(ROW, recipe=replace(ROW.recipe, lr=2e-3)), 3, cache)


def test_the_same_seed_gives_the_same_run(tmp_path, cache, micro):
    known = run(ROW, 3, cache)
    again = run(ROW, 3, tmp_path)
    for part in ("curve", "sign"):
        assert again[part] == known[part]
    assert again["tests"]["twins"]["f"] == known["tests"]["twins"]["f"]


def test_shuffled_sound_reaches_only_those_who_hear(cache, micro):
    windows = window_set(micro[1]["twins"], cache)
    index = torch.arange(4)
    rows = {row.name: row.model for row in tables()["7"].rows}
    for name, hears in (("none", False), ("mono", True), ("foa", True)):
        network = build_network(rows[name], seed=0).eval()
        own, other = (maps_of(network, windows, index, shift=shift)[0] for shift in (0, 1))
        assert np.array_equal(own, other) is not hears
    # Mono hears W alone, which no turn changes: with the picture held, only those who hear directions notice.
    mono = build_network(rows["mono"], seed=0).eval()
    batch = batch_of(windows, index, offsets=(2,))
    spun = turned(batch["foa"], Augmentation(0.25))
    with torch.inference_mode():
        before, after = (mono(batch["frames"], foa).student.logits for foa in (batch["foa"], spun))
    torch.testing.assert_close(before, after, atol=1e-5, rtol=0)


# --- tables


def test_tables_share_what_they_have_in_common():
    every = tables()
    rows = {(table.name, row.name): row for table in every.values() for row in table.rows}
    same = [
        *(
            ("7", "foa"),
            ("5", "on"),
            ("2", "attention+spe"),
            ("3", "plane"),
            ("4", "0"),
            ("6", "1"),
            ("failure", "foa"),
        ),
        ("presets", "paper + intensity vectors"),
    ]
    assert len({rows[place].key() for place in same}) == 1
    assert rows["2", "none"].key() == rows["7", "none"].key()
    assert rows["presets", "panosod"].key() == rows["failure", "panosod"].key()
    for table in every.values():
        assert len({row.key() for row in table.rows}) == len(table.rows), f"two rows of {table.name} are the same"
    presets = every["presets"].rows
    assert len({(r.recipe, r.loss, r.model.backbone, r.model.backbone_width, r.model.channels) for r in presets}) == 1


def test_a_preset_is_its_changes_together():
    presets = {row.name: row.model.to_json() for row in tables()["presets"].rows}
    paper, ours = presets.pop("paper"), presets.pop("panosod")
    together = dict(paper)
    for alone in presets.values():
        together |= {name: value for name, value in alone.items() if value != paper[name]}
    assert together == ours


def record(chosen, **more):
    return {"train_cpu_s": 90.0, "tests": {"twins": {"chosen": chosen, "f": 0.5, "cpu_s": 30.0, **more}}}


def test_a_table_says_mean_spread_and_what_was_not_run():
    table = Table("t", "A table", (Row("none", BASE), Row("foa", BASE, tests=("twins", "seam"))))
    second = record(0.9)
    second["tests"]["seam"] = {"chosen": 0.8, "cpu_s": 1.0}
    text = table_text(table, {"none": {}, "foa": {0: record(1.0, peak_deg=12.0), 2: second}})
    lines = text.splitlines()
    assert lines[0] == "## A table"
    assert next(line for line in lines if line.startswith("| none")).startswith("| none | – | – |")
    assert "not run" in next(line for line in lines if line.startswith("| none"))
    foa = next(line for line in lines if line.startswith("| foa")).split(" | ")
    assert foa[1] == "95.0 ± 7.1" and foa[3] == "0.500 ± 0.000" and foa[7] == "12.0"
    assert foa[-2:] == ["0 2", "1.5 ± 0.0 |"]
    assert "| foa | 95.0 ± 7.1 | 80.0 |" in lines
    assert missing([(table, {"foa": {0: record(1.0), 2: second}})], seeds=(0, 1, 2)) == [
        "table t, row none: seeds 0, 1, 2",
        "table t, row foa: seeds 0, 1",
    ], "seed 0 was not judged on all sets"
    assert (spread([], scale=1, digits=1), spread([0.25], scale=100, digits=0)) == ("–", "25")


def test_the_page_is_written_from_the_cache_below_what_a_person_wrote(tmp_path, capsys):
    for row, chosen in zip(tables()["7"].rows[1:], (0.5, 0.97), strict=True):
        (tmp_path / f"{row.key()}-seed1.json").write_text(json.dumps(record(chosen)))
    out = tmp_path / "page.md"
    out.write_text("# Claims\n\nWhat it means.\n\n<!-- below: written by benchmarks/claims.py -->\nold\n")
    claims.main(["--report", "--cache", str(tmp_path), "--out", str(out), "--seeds", "1"])
    text = out.read_text()
    assert text.startswith("# Claims\n\nWhat it means.\n") and "\nold\n" not in text
    assert "| foa | 97.0 |" in text and "table 7, row none: seeds 1" in text
    assert "2 runs of" in text and "took 4 core-minutes" in text
    assert "## Table 5" not in text, "of whose rows one alone is there, which is shared"
    assert "trained" not in capsys.readouterr().out


def test_the_command_runs_rows_and_writes_as_it_goes(tmp_path, cache, micro, monkeypatch, capsys):
    monkeypatch.setattr(claims, "tables", lambda: {"micro": Table("micro", "Micro", (ROW,))})
    out = tmp_path / "page.md"
    claims.main(["--table", "micro", "--seeds", "3", "--cache", str(cache), "--out", str(out)])
    assert "table micro · micro · seed 3: right one" in capsys.readouterr().out
    assert "## Micro" in out.read_text() and "nothing: every row has its seeds" in out.read_text()
