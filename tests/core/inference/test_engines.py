"""Engines: ONNX Runtime makes torch's maps, the door chooses between them, and neither wakes the other."""

import json
import logging
import shutil
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the network needs torch")
pytest.importorskip("onnxruntime", reason="the engine under test")
pytest.importorskip("onnxscript", reason="the export needs it")

from panosod_core.errors import CheckpointError, ConfigError  # noqa: E402 - torch may be missing
from panosod_core.inference import engine as doors  # noqa: E402
from panosod_core.inference.engine import choose_engine, open_engine  # noqa: E402
from panosod_core.inference.engine_onnx import OnnxEngine  # noqa: E402
from panosod_core.inference.model_file import ModelFile  # noqa: E402
from panosod_core.inference.onnx_export import export_onnx  # noqa: E402
from panosod_core.inference.onnx_store import MANIFEST, cache_folder, read_export  # noqa: E402
from panosod_core.inference.session import Session  # noqa: E402
from panosod_core.model.ablations import with_sound  # noqa: E402
from panosod_core.model.checkpoint import save_checkpoint  # noqa: E402
from panosod_core.model.config import Sound  # noqa: E402
from tests.core.inference.streams import FPS, RATE, batch_maps, clip, grown, streamed  # noqa: E402
from tests.core.model.tiny import TINY, TINY_PANOSOD  # noqa: E402

CONFIGS = {"paper": TINY, "panosod": TINY_PANOSOD}


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """Models of each kind with their graphs beside them, made once."""
    torch.set_num_threads(1)
    # Under pytest, which listens to everything, the tracer tells its life to nobody: half the time of an export.
    logging.getLogger("torch.__trace").disabled = True
    made = {}
    few = {"CALIBRATED": 2, "JUDGED": 3}

    def model(name):
        if name not in made:
            path = tmp_path_factory.mktemp("models") / "model.safetensors"
            save_checkpoint(path, grown(CONFIGS[name]))
            with pytest.MonkeyPatch.context() as patch:
                for constant, value in few.items():
                    patch.setattr(f"panosod_core.inference.onnx_export.{constant}", value)
                export_onnx(path, out=path.with_suffix(".onnx"), int8=name == "panosod")
            made[name] = path
        return made[name]

    return model


@pytest.mark.parametrize("name", CONFIGS)
def test_the_graphs_stream_the_maps_of_whole_windows(name, exported):
    engine = open_engine(exported(name), device="cpu", precision="float32", threads=1)
    assert isinstance(engine, OnnxEngine) and engine.description == "ONNX Runtime, cpu, float32"
    pictures, sound = clip(7)
    maps = streamed(Session(engine, frame_rate_hz=FPS, sample_rate_hz=RATE), pictures, sound)
    expected = batch_maps(grown(CONFIGS[name]), pictures, sound, stride=2)
    for one, (saliency, location) in zip(maps, expected, strict=True):
        np.testing.assert_allclose(one.saliency, saliency, atol=1e-3)
        assert (one.location is None) == (location is None)
        if location is not None:
            np.testing.assert_allclose(one.location, location, atol=1e-3)


def test_silence_gives_numbers_and_the_same_ones(exported):
    engine = open_engine(exported("panosod"), device="cpu", precision="float32", threads=1)
    pictures, sound = clip(3)
    maps = streamed(Session(engine, frame_rate_hz=FPS, sample_rate_hz=RATE), pictures, 0 * sound)
    for one, (saliency, _) in zip(maps, batch_maps(grown(TINY_PANOSOD), pictures, 0 * sound, stride=2), strict=True):
        np.testing.assert_allclose(one.saliency, saliency, atol=1e-3)


def test_the_export_says_what_it_is(exported):
    path = exported("panosod")
    export, file = read_export(path.with_suffix(".onnx")), ModelFile.read(path)
    assert export.model_id == file.model_id and len(file.model_id) == 64
    assert export.config == file.config == TINY_PANOSOD
    assert 0 < export.difference < 1e-3
    import onnx

    graph = onnx.load(str(export.graph("map", "float32")))
    assert {p.key: p.value for p in graph.metadata_props}["panosod.model_id"] == file.model_id
    assert not [p for p in path.parent.iterdir() if ".part" in p.name or ".old" in p.name]


def test_int8_is_near_and_taken_by_itself_only_where_the_record_allows(exported, tmp_path):
    source = exported("panosod")
    record = read_export(source.with_suffix(".onnx")).int8
    assert record is not None and record.scenes == 3 and 0 <= record.f_int8 <= 1
    pictures, sound = clip(4)
    maps = {}
    for precision in ("float32", "int8"):
        engine = open_engine(source, device="cpu", precision=precision, threads=1)
        assert engine.description.endswith(precision)
        session = Session(engine, frame_rate_hz=FPS, sample_rate_hz=RATE)
        maps[precision] = np.stack([m.saliency for m in streamed(session, pictures, sound)])
    error = np.abs(maps["int8"] - maps["float32"])
    assert 0 < error.mean() < 0.05, "either not quantised, or broken"

    model = tmp_path / "m.safetensors"
    shutil.copyfile(source, model)
    folder = model.with_suffix(".onnx")
    shutil.copytree(source.with_suffix(".onnx"), folder)
    manifest = json.loads((folder / MANIFEST).read_text())
    good = {"f_float": 0.8, "f_int8": 0.79, "twin_float": 0.95, "twin_int8": 0.95, "scenes": 60}
    for change, taken in (
        ({}, "int8"),
        ({"f_int8": 0.789}, "float32"),
        ({"twin_int8": 0.94}, "float32"),
        ({"f_int8": float("nan")}, "float32"),
    ):
        (folder / MANIFEST).write_text(json.dumps(manifest | {"int8": good | change}))
        assert choose_engine(ModelFile.read(model), device="cpu").precision == taken, change
    (folder / MANIFEST).write_text(json.dumps(manifest | {"int8": None}))
    assert choose_engine(ModelFile.read(model), device="cpu").precision == "float32"


def test_onnx_runs_without_torch(exported):
    """In a fresh interpreter, from opening the model to a map."""
    code = """
import sys
import numpy as np
from pathlib import Path
from panosod_core.inference.engine import open_engine
from panosod_core.inference.session import Session

engine = open_engine(Path(sys.argv[1]), device="cpu", threads=1)
session = Session(engine, frame_rate_hz=10)
for _ in range(4):
    maps = session.step(np.zeros((64, 128, 3), np.uint8), np.zeros((4, 4800), np.float32))
assert len(maps) == 1 and maps[0].saliency.shape == (64, 128)
assert not {"torch", "safetensors", "onnx"} & set(sys.modules), "not torch-free"
"""
    done = subprocess.run([sys.executable, "-c", code, str(exported("panosod"))], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_door_takes_torch_where_no_graphs_serve(exported, tmp_path, monkeypatch):
    monkeypatch.setattr("panosod_core.inference.onnx_store.user_cache_path", lambda *_, **__: tmp_path / "cache")
    there = ModelFile.read(exported("paper"))
    assert choose_engine(there, device="cpu").runtime == "onnx"
    assert choose_engine(there, device="cpu", precision="bfloat16").runtime == "torch"
    assert choose_engine(there, device="cuda").runtime == "torch"
    monkeypatch.setattr(doors, "may_have_gpu", lambda: True)
    assert choose_engine(there, device="auto").runtime == "torch"
    monkeypatch.setattr(doors, "may_have_gpu", lambda: False)
    assert choose_engine(there, device="auto").runtime == "onnx"
    monkeypatch.setattr(doors, "runtime_is_installed", lambda: False)
    assert choose_engine(there, device="auto").runtime == "torch"

    alone = tmp_path / "alone.safetensors"
    shutil.copyfile(there.path, alone)
    monkeypatch.undo()
    monkeypatch.setattr("panosod_core.inference.onnx_store.user_cache_path", lambda *_, **__: tmp_path / "cache")
    lonely = ModelFile.read(alone)
    assert choose_engine(lonely, device="cpu").runtime == "torch"
    assert open_engine(alone, device="cpu", threads=1).description == "torch, cpu, float32"
    shutil.copytree(there.path.with_suffix(".onnx"), cache_folder(lonely.model_id))
    found = choose_engine(lonely, device="cpu")
    assert found.export is not None and found.export.folder == cache_folder(lonely.model_id)


def test_graphs_of_other_weights_or_damaged_ones_are_not_taken(exported, tmp_path, monkeypatch):
    monkeypatch.setattr("panosod_core.inference.onnx_store.user_cache_path", lambda *_, **__: tmp_path / "cache")
    model = tmp_path / "m.safetensors"
    shutil.copyfile(exported("paper"), model)
    folder = model.with_suffix(".onnx")
    shutil.copytree(exported("paper").with_suffix(".onnx"), folder)
    assert choose_engine(ModelFile.read(model), device="cpu").runtime == "onnx"
    manifest = json.loads((folder / MANIFEST).read_text())
    for change in ({"format_version": 999}, {"model_id": "0" * 64}, {"config": {"channels": 3}}, {"int8": 7}):
        (folder / MANIFEST).write_text(json.dumps(manifest | change))
        assert choose_engine(ModelFile.read(model), device="cpu").runtime == "torch", change
    (folder / MANIFEST).write_text(json.dumps(manifest)[:100])
    assert choose_engine(ModelFile.read(model), device="cpu").runtime == "torch"
    (folder / MANIFEST).write_text(json.dumps(manifest))
    (folder / "map.onnx").unlink()
    assert choose_engine(ModelFile.read(model), device="cpu").runtime == "torch"
    (folder / "map.onnx").write_bytes(b"no graph")
    with pytest.raises(CheckpointError, match=r"cannot load this graph.*export-onnx"):
        open_engine(model, device="cpu")


def test_wrong_wishes_are_refused_in_one_line(exported, tmp_path):
    path = exported("paper")
    with pytest.raises(ConfigError, match="device of auto, cpu, cuda, mps"):
        open_engine(path, device="tpu")
    with pytest.raises(ConfigError, match="precision of auto"):
        open_engine(path, precision="int4")
    with pytest.raises(ConfigError, match="no int8 graphs"):
        open_engine(path, device="cpu", precision="int8")
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="device cuda: this torch"):
            open_engine(path, device="cuda")
    blind = tmp_path / "blind.safetensors"
    save_checkpoint(blind, grown(with_sound(TINY, Sound.NONE)))
    with pytest.raises(ConfigError, match="has no teacher"):
        open_engine(blind, device="cpu", guided=True)
    (tmp_path / "x.safetensors").write_bytes(b"PK\x03\x04 and so on")
    with pytest.raises(CheckpointError, match="not a readable safetensors file"):
        open_engine(tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match="cannot be read"):
        open_engine(tmp_path / "nothing.safetensors")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(ConfigError, match="holds other things"):
        export_onnx(path, out=tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.tex").exists()


def test_an_export_that_differs_is_not_written(exported, tmp_path, monkeypatch):
    """Graphs of other weights, told to be this model's."""
    other = tmp_path / "other.safetensors"
    save_checkpoint(other, grown(CONFIGS["paper"], seed=1))
    graphs = exported("paper").with_suffix(".onnx")
    monkeypatch.setattr(
        "panosod_core.inference.onnx_export.write_graph",
        lambda _, path, *, metadata: shutil.copyfile(graphs / path.name, path),
    )
    with pytest.raises(CheckpointError, match="differ from torch by"):
        export_onnx(other, out=tmp_path / "graphs")
    assert list(tmp_path.iterdir()) == [other]


def test_an_engine_brings_its_own_device_and_knows_whether_labels_guide_it(exported):
    engine = open_engine(exported("panosod"), device="cpu", threads=1)
    with pytest.raises(ValueError, match="device and its precision already"):
        Session(engine, frame_rate_hz=FPS, device="cpu")
    with pytest.raises(ValueError, match="needs the teacher"):
        Session(engine, frame_rate_hz=FPS, label_guided=True)
    guided = open_engine(exported("panosod"), device="cpu", threads=1, guided=True)
    pictures, sound = clip(3)
    session = Session(guided, frame_rate_hz=FPS, sample_rate_hz=RATE, label_guided=True)
    maps = [m for p in pictures for m in session.step(p, sound[:, :4800], mask=np.ones((64, 128), bool))]
    assert maps[0].guided


def test_a_session_jumps_to_another_place_at_another_rate(exported):
    engine = open_engine(exported("panosod"), device="cpu", threads=1)
    pictures, sound = clip(6)
    session = Session(engine, frame_rate_hz=30.0, sample_rate_hz=RATE)
    session.step(pictures[5], sound[:, :100])
    session.reset(frame_rate_hz=FPS, sound_start_s=7.0)
    maps = []
    for i, picture in enumerate(pictures):
        maps += session.step(picture, sound[:, i * 4800 : (i + 1) * 4800], time_s=7.0 + i / FPS)
    maps += session.flush()
    assert session.frame_stride == 2 and [m.time_s for m in maps] == [7.0 + i / FPS for i in range(6)]
    expected = streamed(Session(engine, frame_rate_hz=FPS, sample_rate_hz=RATE), pictures, sound)
    for one, other in zip(maps, expected, strict=True):
        np.testing.assert_allclose(one.saliency, other.saliency, atol=1e-5)


def test_a_compiled_network_is_torchs_even_where_there_are_graphs(exported, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda module: compiled.append(type(module).__name__))
    path = exported("panosod")
    assert "torch" in open_engine(path, device="cpu", compiled=True).description
    assert len(compiled) == 2
    assert "ONNX" in open_engine(path, device="cpu").description
    assert len(compiled) == 2
    with pytest.raises(ConfigError, match="int8"):
        open_engine(path, device="cpu", precision="int8", compiled=True)
