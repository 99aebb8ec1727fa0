import subprocess
import sys
from dataclasses import fields, replace

import pytest

from panosod_core.errors import ConfigError
from panosod_core.model.ablations import LAMBDA_DISTILL, table_rows, with_fusion, with_sound, without_location
from panosod_core.model.config import (
    Backbone,
    EnergyMap,
    Fusion,
    Gate,
    ModelConfig,
    Padding,
    Sound,
    VisualTransformer,
)
from panosod_core.model.presets import PRESETS, preset


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_survives_json(name):
    config = preset(name)
    assert ModelConfig.from_json(config.to_json()) == config


def test_a_missing_field_takes_its_default():
    assert ModelConfig.from_json({"window": 2}) == ModelConfig(window=2)


def test_whole_numbers_do_for_floats_and_nothing_else_converts():
    assert ModelConfig.from_json({"dropout": 0}).dropout == 0.0
    for wrong in ({"window": 3.0}, {"window": True}, {"teacher": 1}, {"dropout": "0.1"}, {"sound": 4}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            ModelConfig.from_json(wrong)


def test_an_unknown_field_is_named():
    with pytest.raises(ConfigError, match=r"unknown field.*colour"):
        ModelConfig.from_json({"colour": "red"})


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"window": 0}, "window"),
        ({"window": 5}, "window"),
        ({"output_stride": 8}, "output_stride"),
        ({"heads": 7}, "heads"),
        ({"channels": 18, "heads": 3}, "channels"),
        ({"dropout": float("nan")}, "dropout"),
        ({"gate_kernel": 5}, "gate_kernel"),
        ({"fft_size": 500}, "fft_size"),
        ({"hop": 1024}, "hop"),
        ({"mel_bands": 48}, "mel_bands"),
        ({"sound_window_s": 3.01}, "whole number of tokens"),
        ({"sound_window_s": 0.1}, "at least 2 tokens"),
        ({"padding": Padding.SPHERE, "width_px": 832 + 32}, "width"),
        ({"sound": Sound.NONE}, "sound none and fusion none"),
        ({"fusion": Fusion.NONE}, "sound none and fusion none"),
        ({"sound": Sound.NONE, "fusion": Fusion.NONE}, "teacher"),
        ({"sound": Sound.MONO, "energy_map": EnergyMap.BEAM}, "energy_map"),
        ({"location_branch": False, "energy_map": EnergyMap.BEAM}, "energy_map"),
        ({"teacher_mask_dropout": 0.5}, "teacher_validity"),
    ],
)
def test_an_impossible_config_is_refused_by_name(changes, names):
    with pytest.raises(ConfigError, match=names):
        ModelConfig(**changes)


def test_the_middle_of_a_window_needs_as_little_of_the_future_as_it_can():
    assert [ModelConfig(window=n).window_centre for n in (1, 2, 3, 4)] == [0, 1, 1, 2]
    assert ModelConfig(window=4, frame_spacing_s=0.5).frame_offsets_s == (-1.0, -0.5, 0.0, 0.5)


def test_preset_paper_is_the_paper():
    paper = preset("paper")
    assert (paper.height_px, paper.width_px, paper.window) == (416, 832, 3)
    assert (paper.backbone, paper.backbone_width, paper.visual_layers) == (Backbone.RESNET50, 1.0, 3)
    assert paper.spherical_scale == 1.0 and paper.gate is Gate.LITERAL and paper.padding is Padding.ZERO
    assert paper.sound_tokens == 30
    assert not paper.teacher_validity and paper.teacher_mask_dropout == 0 and paper.energy_map is EnergyMap.OFF


def test_preset_panosod_has_the_size_of_the_paper():
    paper, ours = preset("paper"), preset("panosod")
    sizes = ("height_px", "width_px", "channels", "heads", "feedforward", "backbone", "backbone_width", "output_stride")
    assert all(getattr(paper, name) == getattr(ours, name) for name in (*sizes, "visual_layers", "fusion_layers"))


def test_an_unknown_preset_names_those_there_are():
    with pytest.raises(ConfigError, match="paper, panosod, small"):
        preset("huge")


@pytest.mark.parametrize("base", PRESETS)
def test_rows_of_a_table_differ_only_in_what_it_varies(base):
    config = preset(base)
    expected = {
        2: {"fusion", "sound", "spherical_encoding", "teacher", "energy_map"},
        3: {"visual_transformer"},
        4: {"teacher"},
        5: {"location_branch", "energy_map"},
        6: {"window"},
        7: {"sound", "fusion", "teacher", "energy_map"},
    }
    for table, may_differ in expected.items():
        rows = table_rows(table, config)
        assert config in rows.values(), f"table {table} lacks the base itself"
        for row in rows.values():
            changed = {f.name for f in fields(row) if getattr(row, f.name) != getattr(config, f.name)}
            assert changed <= may_differ


def test_tables_have_the_papers_rows():
    base = preset("paper")
    assert list(table_rows(2, base)) == ["none", "concat", "attention", "attention+spe"]
    assert [row.visual_transformer for row in table_rows(3, base).values()] == list(VisualTransformer)
    assert [float(name) for name in table_rows(4, base)] == list(LAMBDA_DISTILL)
    assert [row.teacher for row in table_rows(4, base).values()] == [False, True, True, True]
    assert [row.window for row in table_rows(6, base).values()] == [1, 2, 3, 4]
    assert [row.sound for row in table_rows(7, base).values()] == list(Sound)
    # The paper prints one row under three names.
    assert table_rows(7, base)["none"] == replace(table_rows(2, base)["none"], spherical_encoding=True)
    with pytest.raises(ConfigError, match="tables 2 to 7"):
        table_rows(1, base)


def test_sound_and_fusion_can_be_taken_away_and_given_back():
    base = preset("panosod")
    assert not with_sound(base, Sound.NONE).fuses
    assert with_fusion(base, Fusion.NONE) == with_sound(base, Sound.NONE)
    assert with_sound(with_sound(base, Sound.NONE), Sound.FOA).fusion is Fusion.ATTENTION
    assert with_fusion(with_sound(base, Sound.NONE), Fusion.CONCAT).sound is Sound.FOA
    assert without_location(base).energy_map is EnergyMap.OFF


def test_configs_are_free_of_torch():
    code = "import sys, panosod_core.model.presets, panosod_core.model.ablations; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
