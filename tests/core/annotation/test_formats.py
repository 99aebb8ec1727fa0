"""Masks written for other programs and read back: every pixel and id, and the same bytes twice."""

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask

from panosod_core.annotation.formats import coco, davis, labelme, mask_video, pavs10k, run_lengths
from panosod_core.annotation.formats.files import FolderWriter
from panosod_core.annotation.formats.importing import read_masks, told_format
from panosod_core.annotation.formats.palette import palette_png, read_labels, voc_palette
from panosod_core.annotation.formats.table import LabelledClip, LabelledFrame, MaskFormat, safe_name
from panosod_core.annotation.records import ObjectInfo
from panosod_core.errors import AnnotationError

H, W = 24, 48


def hard_maps():
    """Empty, full, over the seam, at a pole, 254 objects, single pixels."""
    seam = np.zeros((H, W), np.uint8)
    seam[8:16, :4] = seam[8:16, -5:] = 3
    seam[10, 0] = 0  # a hole
    pole = np.zeros((H, W), np.uint8)
    pole[:2] = 2
    many = np.zeros((H, W), np.uint8)
    many.reshape(-1)[: 254 * 4] = np.repeat(np.arange(1, 255, dtype=np.uint8), 4)
    dots = np.zeros((H, W), np.uint8)
    dots[0, 0] = dots[-1, -1] = 254
    dots[5, 7] = 1
    return [np.zeros((H, W), np.uint8), np.full((H, W), 1, np.uint8), seam, pole, many, dots]


def clip_of(maps, *, name="c-1", objects=None):
    used = sorted({int(i) for m in maps for i in np.unique(m)} - {0})
    if objects is None:
        objects = tuple(ObjectInfo(i, f"thing {i}", "class" if i % 2 else "", "#102030", i % 5 + 1) for i in used)
    indices = tuple(range(0, 6 * len(maps), 6))
    frames = [LabelledFrame(i, m, 100 * i) for i, m in zip(indices, maps, strict=True)]
    return LabelledClip(
        name, maps[0].shape[1], maps[0].shape[0], objects, indices, lambda: iter(frames), Fraction(1, 90000)
    )


WRITERS = {
    MaskFormat.DAVIS: lambda clip, out: davis.write(clip, out),
    MaskFormat.PAVS10K: lambda clip, out: pavs10k.write(clip, out, split="train"),
    MaskFormat.SAV: lambda clip, out: run_lengths.write_sav(clip, out),
    MaskFormat.YTVIS: lambda clip, out: run_lengths.write_ytvis([clip], out),
    MaskFormat.COCO: lambda clip, out: coco.write([clip], out),
    MaskFormat.LABELME: lambda clip, out: labelme.write(clip, out),
    MaskFormat.VIDEO: lambda clip, out: mask_video.write(clip, out),
}


def written(clip, kind, folder):
    with FolderWriter(folder) as out:
        WRITERS[kind](clip, out)
    return out


@pytest.mark.parametrize("kind", list(MaskFormat))
def test_every_pixel_and_id_comes_back(kind, tmp_path):
    maps = hard_maps()
    clip = clip_of(maps)
    written(clip, kind, tmp_path / "out")
    assert told_format(tmp_path / "out") is kind
    (back,) = read_masks(tmp_path / "out")
    assert (back.name, back.width, back.height, back.indices) == (clip.name, W, H, clip.indices)
    for frame, labels in zip(back.load(), maps, strict=True):
        np.testing.assert_array_equal(frame.labels, labels)
    if kind not in (MaskFormat.DAVIS, MaskFormat.PAVS10K):  # pictures know no names; our manifest does
        assert back.objects == clip.objects


@pytest.mark.parametrize("kind", list(MaskFormat))
def test_the_same_masks_give_the_same_bytes(kind, tmp_path):
    clip = clip_of(hard_maps())
    first, second = written(clip, kind, tmp_path / "a"), written(clip, kind, tmp_path / "b")
    assert first.hashes == second.hashes
    for name in first.hashes:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert sorted(
        p.relative_to(tmp_path / "a").as_posix() for p in (tmp_path / "a").rglob("*") if p.is_file()
    ) == sorted(first.hashes)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_run_lengths_are_those_of_pycocotools(seed):
    labels = (np.random.default_rng(seed).random((H, W)) < 0.4).astype(np.uint8)
    for rle in run_lengths.rles_of(labels).values():
        value = run_lengths.to_json(rle)
        theirs = coco_mask.encode(np.asfortranarray(labels))
        assert value["counts"] == theirs["counts"].decode() and list(theirs["size"]) == value["size"]
        assert run_lengths.from_json(value, where="test").counts == rle.counts


def test_coco_reads_ours(tmp_path):
    labels = hard_maps()[2]
    written(clip_of([labels]), MaskFormat.COCO, tmp_path / "out")
    (annotation,) = json.loads((tmp_path / "out" / coco.FILE).read_text())["annotations"]
    segmentation = {**annotation["segmentation"], "counts": annotation["segmentation"]["counts"].encode()}
    assert coco_mask.area(segmentation) == annotation["area"] == (labels == 3).sum()
    assert list(coco_mask.toBbox(segmentation)) == annotation["bbox"] == [0, 8, W, 8]
    assert annotation["bbox_wrap"] == [W - 5, 8, 9, 8]


def test_uncompressed_run_lengths_are_read_too():
    rle = run_lengths.from_json({"size": [2, 3], "counts": [1, 2, 3]}, where="test")
    assert rle.area_px == 2
    with pytest.raises(AnnotationError, match="do not fill"):
        run_lengths.from_json({"size": [2, 3], "counts": [1, 2]}, where="test")
    with pytest.raises(AnnotationError, match="cannot be read"):
        run_lengths.from_json({"size": [2, 3], "counts": "~~"}, where="test")


def test_pillow_sees_the_voc_palette(tmp_path):
    labels = hard_maps()[4]
    (tmp_path / "a.png").write_bytes(palette_png(labels))
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "P" and image.getpalette() == voc_palette().reshape(-1).tolist()
        np.testing.assert_array_equal(np.array(image), labels)
    assert voc_palette()[:5].reshape(-1).tolist() == [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0, 0, 0, 128]


def test_colours_are_never_taken_for_ids(tmp_path):
    Image.new("RGB", (4, 2), (128, 0, 0)).save(tmp_path / "rgb.png")
    with pytest.raises(AnnotationError, match="colours"):
        read_labels(tmp_path / "rgb.png")
    (tmp_path / "no.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    with pytest.raises(AnnotationError, match="cannot be read"):
        read_labels(tmp_path / "no.png")


def test_a_binary_mask_is_object_one_and_void_is_background(tmp_path):
    Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8)).save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "b.png"), [[0, 1], [1, 0]])
    Image.fromarray(np.array([[0, 255], [7, 0]], np.uint8)).save(tmp_path / "g.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "g.png"), [[0, 0], [7, 0]])


def test_pavs10k_without_instances_is_one_object(tmp_path):
    maps = hard_maps()[2:4]
    written(clip_of(maps), MaskFormat.PAVS10K, tmp_path / "out")
    for path in (tmp_path / "out" / "instance").rglob("*.png"):
        path.unlink()
    for folder in sorted((tmp_path / "out" / "instance").rglob("*"), reverse=True):
        folder.rmdir()
    (back,) = read_masks(tmp_path / "out")
    for frame, labels in zip(back.load(), maps, strict=True):
        np.testing.assert_array_equal(frame.labels, labels > 0)


def test_sav_of_others_counts_from_zero_and_every_fourth_frame(tmp_path):
    labels = hard_maps()[2]
    rle = run_lengths.to_json(run_lengths.rles_of(labels)[3])
    value = {"video_id": "v", "video_width": W, "video_height": H, "masklet_id": [0], "masklet": [[rle], [rle]]}
    (tmp_path / "v.json").write_text(json.dumps(value))
    (back,) = read_masks(tmp_path / "v.json")
    assert back.indices == (0, 4)
    np.testing.assert_array_equal(next(back.load()).labels, labels == 3)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"videos": [], "annotations": 3}',
        '{"images": [{}], "annotations": []}',
        '{"masklet": [[1]], "masklet_id": []}',
    ],
)
def test_damaged_json_is_one_clear_line(text, tmp_path):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(AnnotationError) as caught:
        assert not read_masks(path)
        raise AnnotationError("nothing in it, x.json")
    assert "x.json" in str(caught.value) and "\n" not in str(caught.value)


def test_polygons_are_refused(tmp_path):
    value = {
        "images": [{"id": 1, "file_name": "a/00001.jpg", "width": W, "height": H}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[0, 0, 1, 1, 1, 0]]}],
    }
    (tmp_path / "c.json").write_text(json.dumps(value))
    (clip,) = read_masks(tmp_path / "c.json")
    with pytest.raises(AnnotationError, match="polygons"):
        list(clip.load())


def test_an_overlap_is_refused_where_it_cannot_be_held(tmp_path):
    rle = run_lengths.to_json(run_lengths.rles_of(np.full((H, W), 1, np.uint8))[1])
    value = {"video_id": "v", "video_width": W, "video_height": H, "masklet_id": [1, 2], "masklet": [[rle, rle]]}
    (tmp_path / "v.json").write_text(json.dumps(value))
    (back,) = read_masks(tmp_path / "v.json")
    with pytest.raises(AnnotationError, match="overlaps"):
        list(back.load())


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "deep" / "out"
    with pytest.raises(RuntimeError), FolderWriter(target) as out:
        out.write("a/b.txt", b"1")
        raise RuntimeError
    assert not target.exists() and not list((tmp_path / "deep").iterdir())
    with FolderWriter(target) as out:
        out.write("a/b.txt", b"1")
    assert (target / "a" / "b.txt").read_bytes() == b"1"
    with pytest.raises(AnnotationError, match="not an empty folder"):
        FolderWriter(target)


def test_nothing_known_is_said(tmp_path):
    with pytest.raises(AnnotationError, match="found none"):
        told_format(tmp_path)
    assert safe_name("a b/c:1.mp4") == "a_b_c_1.mp4" and safe_name("..") == "clip"
    with pytest.raises(ValueError, match="file's name"):
        LabelledClip("a/b", W, H, (), (), lambda: iter(()))
