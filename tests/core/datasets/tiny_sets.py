"""Tiny copies of each folder layout: coloured frames, disc masks, and sound that comes from the disc."""

import json
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from panosod_core.ambisonics.encode import encode_plane_wave
from panosod_core.datasets.pavs10k import facts_of
from panosod_core.datasets.rle import counts_to_text, encode_rle
from panosod_core.datasets.sound_order import ACN_SN3D, SoundOrder
from panosod_core.geometry.sphere import direction, equirect_directions

WIDTH, HEIGHT = 64, 32


def disc(azimuth_deg, elevation_deg=0.0, *, radius_deg=20.0, width=WIDTH, height=HEIGHT):
    """A disc on the sphere: (height, width) bool."""
    centre = direction(np.radians(azimuth_deg), np.radians(elevation_deg))
    return equirect_directions(width, height) @ centre >= np.cos(np.radians(radius_deg))


def picture(mask, *, number=0):
    """A frame whose disc is light and whose background tells the frame number: (H, W, 3) uint8."""
    height, width = mask.shape
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[..., 0] = np.arange(width) * 200 // width
    rgb[..., 1] = (np.arange(height) * 200 // height)[:, None]
    rgb[..., 2] = number % 251
    rgb[mask] = (250, 250, number % 251)
    return rgb


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def save_mask(path, mask):
    return save(path, np.where(mask, 255, 0).astype(np.uint8))


def write_wav(path, samples, *, rate_hz=48000):
    """16-bit WAVE of (channels, n) float."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pcm = np.round(np.clip(samples, -1, 1) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(pcm))
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(pcm.T.tobytes())
    return path


def stored(foa, order: SoundOrder):
    """Channels as a file in that order holds them: the inverse of reading it."""
    return np.linalg.inv(order.matrix().astype(np.float64)) @ foa


def noise(count, *, seed=0, level=0.1):
    return np.random.default_rng(seed).standard_normal(count) * level


def sound_from(azimuth_deg, elevation_deg, *, duration_s, rate_hz=48000, seed=0):
    """First-order noise from one direction: (4, n) float32."""
    place = direction(np.radians(azimuth_deg), np.radians(elevation_deg))
    return encode_plane_wave(noise(round(duration_s * rate_hz), seed=seed), place)


@dataclass(frozen=True)
class Place:
    """Where the disc of a sequence is, and its sound."""

    azimuth_deg: float
    elevation_deg: float = 0.0


SEQUENCES = {
    "_Ellen": ("train", Place(90.0, 10.0)),
    "_-IRG9Z7Y2uS4": ("train", Place(-45.0, -20.0)),
    "_-72f3ayGhMEA_6": ("test", Place(170.0, 30.0)),
    "_-5h95uTtPeck": ("test", Place(0.0, 0.0)),
}
RATES = {"_Ellen": 30.0, "_-IRG9Z7Y2uS4": 30000 / 1001, "_-72f3ayGhMEA_6": 50.0, "_-5h95uTtPeck": 24000 / 1001}
KEYS = 8


def write_lists(root, sequences, folder="data"):
    for split in ("train", "test"):
        path = root / folder / f"PAVS10K_seqs_{split}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{name}\n" for name, (s, _) in sequences.items() if s == split))


def make_asod(root: Path, *, keys=KEYS, order=ACN_SN3D, sequences=None, wav_suffix=".wav"):
    """ASOD60K in the authors' layout: key frames 0, 6, 12, ..."""
    sequences = sequences or SEQUENCES
    write_lists(root, sequences)
    for i, (name, (split, place)) in enumerate(sequences.items()):
        mask = disc(place.azimuth_deg, place.elevation_deg)
        for k in range(keys):
            save(root / "frame_key" / name / f"{6 * k:05d}.png", picture(mask, number=6 * k))
            save_mask(root / "DATA" / split / name / f"{6 * k:05d}.png", mask)
        facts = facts_of(name)
        duration_s = 6 * keys / (float(facts.rate) if facts else 30.0)
        foa = sound_from(place.azimuth_deg, place.elevation_deg, duration_s=duration_s, seed=i)
        write_wav(root / "ambisonics_trimmed" / f"{name}{wav_suffix}", stored(foa, order))
    return root


def make_pavsodr(root: Path, *, keys=KEYS):
    """The PAVSODR repack of the same sequences: frames renumbered, training masks in train.json."""
    videos, annotations = [], []
    for i, (name, (split, place)) in enumerate(SEQUENCES.items()):
        mask = disc(place.azimuth_deg, place.elevation_deg)
        left = mask.copy()
        left[:, WIDTH // 2 :] = False
        for k in range(keys):
            save(root / split / "JPEGImages" / name / f"{k:05d}.png", picture(mask, number=6 * k))
            if split == "test":
                save_mask(root / "test" / "Annotations" / name / f"{k:05d}.png", mask)
        if split == "train":
            videos.append(
                {"id": i, "width": WIDTH, "height": HEIGHT, "length": keys,
                 "file_names": [f"{name}/{k:05d}.png" for k in range(keys)]}
            )  # fmt: skip
            for part, compressed in ((left, True), (mask & ~left, False)):
                runs = encode_rle(part)
                counts = counts_to_text(runs) if compressed else runs
                segment = {"size": [HEIGHT, WIDTH], "counts": counts} if part.any() else None
                annotations.append(
                    {"id": len(annotations) + 1, "video_id": i, "category_id": 1, "iscrowd": 0, "rank": 1,
                     "segmentations": [segment] * keys, "bboxes": [[0, 0, 1, 1]] * keys}
                )  # fmt: skip
        duration_s = 6 * keys / RATES[name]
        foa = sound_from(place.azimuth_deg, place.elevation_deg, duration_s=duration_s, seed=i)
        write_wav(root / "audios" / f"{name}.wav", stored(foa, ACN_SN3D))
    (root / "train.json").write_text(json.dumps({"videos": videos, "annotations": annotations, "categories": []}))
    return root


L3DAS_PLACES = [(2.0, 0.5, 0.3), (-1.5, 1.0, -0.4), (0.3, -1.5, 0.8), (1.0, 1.5, -1.0), (-2.0, -1.0, 0.6),
                (0.5, 0.2, 1.0), (1.5, -0.7, -0.8), (-0.8, 1.4, 0.9)]  # fmt: skip
LABEL_HEADER = "File,Start,End,Class,X,Y,Z\n"


def make_l3das(root: Path, *, year=22, order=ACN_SN3D, places=None, doubled=False, rate_hz=32000):
    """L3DAS Task 2: one recording of 2 s with two events for each pair of places, in train and dev."""
    places = places or L3DAS_PLACES
    for j in range(len(places) // 2):
        part = "train" if j % 2 == 0 else "dev"
        folder = root / f"L3DAS{year}_Task2_{part}"
        folder = folder / folder.name if doubled else folder
        name = f"split{j}_ov1_{j + 1}"
        foa = np.zeros((4, 2 * rate_hz), np.float32)
        rows = []
        for i, (x, y, z) in enumerate(places[2 * j : 2 * j + 2]):
            start_s, end_s = (0.2, 0.9) if i == 0 else (1.1, 1.8)
            first, end = round(start_s * rate_hz), round(end_s * rate_hz)
            foa[:, first:end] += encode_plane_wave(noise(end - first, seed=10 * j + i), (x, y, z))
            rows.append(f"snd{i}.wav,{start_s},{end_s},{'Knock' if i == 0 else 'Laughter'},{x},{y},{z}\n")
        for mic in "AB":
            write_wav(folder / "data" / f"{name}_{mic}.wav", stored(foa, order), rate_hz=rate_hz)
        labels = folder / "labels" / f"label_{name}.csv"
        labels.parent.mkdir(parents=True, exist_ok=True)
        labels.write_text(LABEL_HEADER + "".join(rows))
    return root


def make_duts(root: Path, *, count=3):
    for short, test_count in (("TR", count), ("TE", count - 1)):
        for i in range(test_count):
            mask = disc(30.0 * i, width=40, height=30)
            image = root / f"DUTS-{short}" / f"DUTS-{short}-Image" / f"n{short}_{i}.jpg"
            save(image, picture(mask, number=i))
            save_mask(root / f"DUTS-{short}" / f"DUTS-{short}-Mask" / f"n{short}_{i}.png", mask)
    return root


def make_duts_repack(root: Path, *, train=("a", "b"), test=("c",)):
    for i, name in enumerate((*train, *test)):
        mask = disc(30.0 * i, width=40, height=30)
        save(root / "image" / f"{name}.jpg", picture(mask, number=i))
        save_mask(root / "mask" / f"{name}.png", mask)
    (root / "train.txt").write_text("".join(f"{name}\n" for name in train))
    (root / "test.txt").write_text("".join(f"{name}\n" for name in test))
    return root


def make_davsod(root: Path, *, frames=4):
    for parent, name in (("Training Set", "select_0001"), ("Validation Set", "select_0002"),
                         ("Easy-35", "select_0003_1"), ("Difficult-20", "select_0004")):  # fmt: skip
        folder = root / parent / name
        for n in range(10, 10 + frames):
            mask = disc(10.0 * n, width=48, height=36)
            save(folder / "Imgs" / f"{n:04d}.png", picture(mask, number=n))
            save_mask(folder / "GT_object_level" / f"{n:04d}.png", mask)
    return root
