"""Masks as LabelMe, COCO and YouTube-VIS tools write them, made here: who is who through the clip, and what is said."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from panosod_core.annotation.formats.identities import Mark, identify
from panosod_core.annotation.formats.importing import read_masks
from panosod_core.errors import AnnotationError

H, W = 24, 48
PLACES = {"dog": (2, 3), "cat": (12, 20), "cat too": (12, 40)}


def mask_at(name):
    mask = np.zeros((H, W), np.uint8)
    row, column = PLACES[name]
    mask[row : row + 4, column : column + 6] = 1
    return mask


def labelme_shape(label, mask, group_id=None):
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    file = io.BytesIO()
    Image.fromarray(box).save(file, format="PNG")
    return {
        "label": label,
        "points": [[float(columns[0]), float(rows[0])], [float(columns[-1]), float(rows[-1])]],
        "group_id": group_id,
        "description": "",
        "shape_type": "mask",
        "flags": {},
        "mask": base64.b64encode(file.getvalue()).decode("utf-8"),
    }


def labelme_folder(folder, frames):
    """A folder as LabelMe 5 leaves it: pictures within the JSON, masks of 0 and 1."""
    folder.mkdir()
    for index, shapes in enumerate(frames):
        value = {
            "version": "5.4.1",
            "flags": {},
            "shapes": shapes,
            "imagePath": f"frame_{index:04d}.jpg",
            "imageData": "aGVsbG8=",
            "imageHeight": H,
            "imageWidth": W,
        }
        (folder / f"frame_{index:04d}.json").write_text(json.dumps(value, indent=2))
    return folder


def coco_file(path, frames, categories=("cat", "dog")):
    """COCO's instances: run lengths as pycocotools gives them, images named in one flat folder."""
    numbers = {name: n + 17 for n, name in enumerate(categories)}
    images = [{"id": 900 + n, "width": W, "height": H, "file_name": f"f{n:06d}.jpg"} for n in range(len(frames))]
    annotations = []
    for n, shapes in enumerate(frames):
        for name, mask, more in shapes:
            rle = coco_mask.encode(np.asfortranarray(mask))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": 900 + n,
                    "category_id": numbers[name],
                    "segmentation": {"size": [int(s) for s in rle["size"]], "counts": rle["counts"].decode()},
                    "area": int(mask.sum()),
                    "bbox": [0, 0, 1, 1],
                    "iscrowd": 1,
                    **more,
                }
            )
    value = {
        "info": {},
        "licenses": [],
        "categories": [{"id": n, "name": name, "supercategory": ""} for name, n in numbers.items()],
        "images": images,
        "annotations": annotations,
    }
    path.write_text(json.dumps(value))
    return path


def ids_at(clip, *names):
    """Ids under the named places, frame by frame (0: nothing there)."""
    found = []
    for frame in clip.load():
        here = [np.unique(frame.labels[mask_at(n) > 0]) for n in names]
        assert all(len(i) == 1 for i in here)
        found.append(tuple(int(i[0]) for i in here))
    return found


def named(clip):
    return {o.id: (o.name, o.category) for o in clip.objects}


def test_labelme_without_groups_goes_by_label(tmp_path):
    cat, dog, too = labelme_shape("cat", mask_at("cat")), labelme_shape("dog", mask_at("dog")), mask_at("cat too")
    frames = [[cat, dog], [dog], [dog, cat, labelme_shape("cat", too)]]
    (clip,) = read_masks(labelme_folder(tmp_path / "walk", frames))
    assert ids_at(clip, "cat", "dog", "cat too") == [(1, 2, 0), (0, 2, 0), (1, 2, 3)]
    assert named(clip) == {1: ("cat", "cat"), 2: ("dog", "dog"), 3: ("cat 2", "cat")}
    assert len(clip.notes) == 1 and "order" in clip.notes[0]


def test_labelme_groups_are_instances_of_their_label(tmp_path):
    """255 would be the reserved id, 300 no byte at all, 0 background; one number for two labels is two instances."""
    frames = [
        [labelme_shape("dog", mask_at("dog"), 300), labelme_shape("cat", mask_at("cat"), 0)],
        [
            labelme_shape("cat", mask_at("cat"), 0),
            labelme_shape("cat", mask_at("cat too"), 255),
            labelme_shape("dog", mask_at("dog"), 300),
        ],
    ]
    (clip,) = read_masks(labelme_folder(tmp_path / "walk", frames))
    assert ids_at(clip, "dog", "cat", "cat too") == [(1, 2, 0), (1, 2, 3)]
    assert named(clip) == {1: ("dog 300", "dog"), 2: ("cat 0", "cat"), 3: ("cat 255", "cat")}
    (note,) = clip.notes
    assert "300 (dog) is 1" in note and "0 (cat) is 2" in note and "255 (cat) is 3" in note
    frames = [[labelme_shape("dog", mask_at("dog"), 7), labelme_shape("cat", mask_at("cat"), 7)]]
    (clip,) = read_masks(labelme_folder(tmp_path / "two", frames))
    assert ids_at(clip, "dog", "cat") == [(7, 1)] and "7 (cat) is 1" in clip.notes[0]


def test_labelme_parts_of_a_group_are_one_object(tmp_path):
    frames = [[labelme_shape("cat", mask_at("cat"), 4), labelme_shape("cat", mask_at("cat too"), 4)]]
    (clip,) = read_masks(labelme_folder(tmp_path / "walk", frames))
    assert ids_at(clip, "cat", "cat too") == [(4, 4)] and not clip.notes


@pytest.mark.parametrize("group", [[1], {"a": 1}, True, float("inf")])
def test_a_group_that_is_none_is_one_clear_line(group, tmp_path):
    folder = labelme_folder(tmp_path / "walk", [[labelme_shape("dog", mask_at("dog"), group)]])
    with pytest.raises(AnnotationError, match=r"frame_0000\.json"):
        read_masks(folder)


def test_coco_without_tracks_goes_by_category(tmp_path):
    cat, dog, too = ("cat", mask_at("cat"), {}), ("dog", mask_at("dog"), {}), ("cat", mask_at("cat too"), {})
    (clip,) = read_masks(coco_file(tmp_path / "walk.json", [[cat, dog], [dog], [dog, cat, too]]))
    assert clip.indices == (0, 1, 2)
    assert ids_at(clip, "cat", "dog", "cat too") == [(1, 2, 0), (0, 2, 0), (1, 2, 3)]
    assert named(clip) == {1: ("cat", "cat"), 2: ("dog", "dog"), 3: ("cat 2", "cat")}


@pytest.mark.parametrize("nested", [False, True])
def test_coco_tracks_hold_through_the_clip(nested, tmp_path):
    def tracked(name, place, number):
        track = {"track_id": number}
        return name, mask_at(place), {"attributes": {"occluded": False, **track}} if nested else track

    first = [tracked("cat", "cat", 9), tracked("cat", "cat too", 1000)]
    second = [tracked("cat", "cat too", 1000), tracked("cat", "cat", 9)]
    (clip,) = read_masks(coco_file(tmp_path / "walk.json", [first, second]))
    assert ids_at(clip, "cat", "cat too") == [(9, 1), (9, 1)]
    assert named(clip) == {1: ("cat 1000", "cat"), 9: ("cat 9", "cat")} and "1000 (cat) is 1" in clip.notes[0]


def test_coco_masks_of_one_object_are_its_parts(tmp_path):
    shapes = [("cat", mask_at(place), {"object_id": 5}) for place in ("cat", "cat too")]
    (clip,) = read_masks(coco_file(tmp_path / "walk.json", [shapes]))
    assert ids_at(clip, "cat", "cat too") == [(5, 5)]


def test_coco_pictures_of_one_number_are_refused(tmp_path):
    path = coco_file(tmp_path / "walk.json", [[], []])
    path.write_text(path.read_text().replace("f000001", "g000000"))
    with pytest.raises(AnnotationError, match="same number"):
        read_masks(path)


def ytvis_file(path, tracks, length):
    value = {
        "info": {},
        "categories": [{"id": 31, "name": "cat"}, {"id": 32, "name": "dog"}],
        "videos": [
            {
                "id": 5,
                "width": W,
                "height": H,
                "length": length,
                "file_names": [f"walk/{n:05d}.jpg" for n in range(length)],
            }
        ],
        "annotations": [
            {
                "id": 4000 + n,
                "video_id": 5,
                "category_id": category,
                "iscrowd": 0,
                "segmentations": [
                    None
                    if place is None
                    else {
                        "size": [H, W],
                        "counts": coco_mask.encode(np.asfortranarray(mask_at(place)))["counts"].decode(),
                    }
                    for place in places
                ],
            }
            for n, (category, places) in enumerate(tracks)
        ],
    }
    path.write_text(json.dumps(value))
    return path


def test_ytvis_keeps_tracks_and_categories(tmp_path):
    tracks = [(31, ["cat", None]), (32, ["dog", "dog"])]
    (clip,) = read_masks(ytvis_file(tmp_path / "v.json", tracks, 2))
    assert clip.name == "walk" and ids_at(clip, "cat", "dog") == [(1, 2), (0, 2)]
    assert named(clip) == {1: ("cat 1", "cat"), 2: ("dog 2", "dog")} and not clip.notes


def test_a_short_ytvis_track_is_one_clear_line(tmp_path):
    path = ytvis_file(tmp_path / "v.json", [(31, ["cat"])], 2)
    with pytest.raises(AnnotationError, match="2 segmentations of annotation 4000"):
        read_masks(path)


def test_more_objects_than_a_map_holds_are_refused():
    marks = [[Mark("dog", n, n) for n in range(255)]]
    with pytest.raises(AnnotationError, match="more than 254 objects"):
        identify(marks, where="x.json")
    found = identify([marks[0][1:]], where="x.json")
    assert found.ids[0] == tuple(range(1, 255)) and not found.notes
