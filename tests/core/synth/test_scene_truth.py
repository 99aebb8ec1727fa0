import json
from fractions import Fraction

import pytest

from panosod_core.errors import MediaError
from panosod_core.synth.scene import draw_scene
from panosod_core.synth.scene_config import HeldOut, SceneConfig
from panosod_core.synth.scene_truth import SceneOnDisk, read_truth, truth_text


@pytest.fixture
def scene():
    spec = draw_scene(4, SceneConfig(duration_s=2.0, held_out=(HeldOut.TIMBRES,)))
    return SceneOnDisk(spec, Fraction(30000, 1001), 60, tuple(range(0, 60, 6)), 128, 64, 48000)


def test_what_is_written_is_read(scene, tmp_path):
    path = tmp_path / "a.json"
    path.write_text(truth_text(scene))
    assert read_truth(path) == scene
    assert truth_text(read_truth(path)) == path.read_text()


def test_other_programs_find_who_is_where(scene):
    data = json.loads(truth_text(scene))
    assert data["sounding"][3] == list(scene.spec.sounding(scene.time_s(18)))
    assert len(data["directions_deg"]["1"]) == len(data["key_frames"]) == 10
    assert {thing["id"] for thing in data["objects"] if thing["twin"]} == {
        thing.id for thing in scene.spec.objects if thing.is_twin
    }


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: d.update(format="other"),
        lambda d: d.update(version=99),
        lambda d: d.update(seed=5),
        lambda d: d["config"].update(wings=2),
        lambda d: d["config"].update(twins=-3),
        lambda d: d.pop("fps"),
        lambda d: d.update(fps=[30, 0]),
        lambda d: d["directions_deg"].update({"1": [[0, 0]]}),
    ],
)
def test_damaged_or_foreign_truth_is_refused(scene, tmp_path, damage):
    data = json.loads(truth_text(scene))
    damage(data)
    path = tmp_path / "a.json"
    path.write_text(json.dumps(data))
    with pytest.raises(MediaError, match="truth about a scene"):
        read_truth(path)


def test_missing_truth_is_refused(tmp_path):
    with pytest.raises(MediaError, match="no such file"):
        read_truth(tmp_path / "none.json")
