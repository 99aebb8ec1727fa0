"""How long a large project takes to open, what its undo history weighs, and how long a stroke keeps anybody waiting.

    python benchmarks/open_project.py [--revisions 100000] [--strokes 300] [--out benchmarks/results/open_project.md]

Method. *Opening*: a project of so many revisions is made through the same statements that commit a stroke (masks of
brush strokes at 3840x1920, eight objects a frame, every frame accepted in a second revision), then opened several times
as the window does it: lock, integrity check over the whole file, clips, frames, objects, undo stack, and the label map
of one frame. "Cold" drops the file from the page cache first (posix_fadvise).

*Strokes*: 5 degree discs at random places of a 3840x1920 frame, painted one by one through the document; "blocks" is
the time inside guard, apply and hand-over, in the thread that would be the window's, by the wall clock and by the
thread's own CPU clock; "durable" is from there to the acknowledgement of the store thread.

*Undo*: all those strokes taken back one by one; the bytes of the revisions that they need.
"""

import argparse
import datetime
import os
import resource
import sqlite3
import sys
import tempfile
import time
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
from pages import system

from panosod_core.annotation.document import Document
from panosod_core.annotation.edits import paint
from panosod_core.annotation.masks import RingBox, RingMask, encode
from panosod_core.annotation.records import FrameKey, NewClip, ObjectInfo

SHAPE = (1920, 3840)
OBJECTS = 8


def key(i: int) -> FrameKey:
    return FrameKey(1, 0, 512 * i, i)


def disc(x: int, y: int, radius_px: int) -> RingMask:
    b, a = np.mgrid[-radius_px : radius_px + 1, -radius_px : radius_px + 1]
    box = RingBox((x - radius_px) % SHAPE[1], y - radius_px, 2 * radius_px + 1, 2 * radius_px + 1)
    return RingMask(box, a * a + b * b <= radius_px * radius_px)


def new_project(path: Path) -> Document:
    document = Document.create(path, author="bench", backup_every_s=None)
    document.add_clip(NewClip("clip.mp4", "content", SHAPE[1], SHAPE[0], 0, Fraction(1, 15360), 100_000))
    for i in range(1, OBJECTS + 1):
        document.put_object(1, ObjectInfo(i, f"thing {i}"))
    return document


def fill(path: Path, revisions: int) -> None:
    """Half of the revisions are drafts with masks of their own, half accept them."""
    random = np.random.default_rng(0)
    rles = []
    for _ in range(400):
        mask = disc(int(random.integers(SHAPE[1])), int(random.integers(400, 1500)), int(random.integers(30, 200)))
        for _ in range(3):
            more = disc(
                (mask.box.x + int(random.integers(200))) % SHAPE[1], mask.box.y + 200, int(random.integers(30, 150))
            )
            mask = mask.stamped(more.box, more.bits, SHAPE[1])
        rles.append(encode(mask, SHAPE))

    def work(db: sqlite3.Connection) -> None:
        revision = 0
        for frame in range(1, revisions // (2 * OBJECTS) + 1):
            db.execute(
                "INSERT INTO frames (id, clip, stream, frame_index, pts, state) VALUES (?, 1, 0, ?, ?, 'accepted')",
                (frame, frame, 512 * frame),
            )
            for object_id in range(1, OBJECTS + 1):
                rle = rles[(frame * OBJECTS + object_id) % len(rles)]
                box = rle.box
                assert box is not None
                crc = zlib.crc32(rle.counts)
                mask = db.execute(
                    "INSERT INTO masks (height, width, x, y, w, h, area_px, area_sr, crc, counts) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (*SHAPE, box.x, box.y, box.width, box.height, rle.area_px, rle.area_sr, crc, rle.counts),
                ).lastrowid
                for state in ("draft", "accepted"):
                    revision += 1
                    parent = revision - 1 if state == "accepted" else None
                    db.execute(
                        "INSERT INTO revisions VALUES (?, ?, ?, ?, ?, 'manual', NULL, ?, 'bench', 0, 1.0)",
                        (revision, frame, object_id, mask, parent, state),
                    )
                    db.execute(
                        "INSERT INTO steps VALUES (?, 'Brush', 1, ?, ?, ?, 0)",
                        (100 + revision, frame, object_id, "done" if revision > revisions - 1000 else "dropped"),
                    )
                    db.execute(
                        "INSERT INTO step_changes VALUES (?, 0, 'head', 1, ?, ?, ?, ?)",
                        (100 + revision, frame, object_id, parent, revision),
                    )
                db.execute("INSERT INTO heads VALUES (?, ?, ?)", (frame, object_id, revision))

    document = new_project(path)
    document.flush()
    document.store.write(work)
    document.close()


def open_times(path: Path, *, cold: bool, rounds: int = 5) -> list[float]:
    times = []
    for _ in range(rounds):
        if cold:
            with path.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        start = time.perf_counter()
        document = Document.open(path, author="bench", backup_every_s=None)
        document.labels(document.frames(1)[len(document.frames(1)) // 2].key)
        times.append(time.perf_counter() - start)
        document.close()
    return times


def strokes(path: Path, count: int) -> dict[str, np.ndarray | float]:
    random = np.random.default_rng(1)
    acknowledged: dict[int, float] = {}
    new_project(path).close()
    document = Document.open(
        path,
        author="bench",
        backup_every_s=None,
        on_committed=lambda sequence: acknowledged.setdefault(sequence, time.perf_counter()),
    )
    document.labels(key(0))
    wall, cpu, durable = [], [], []
    radius = round(2.5 / 180 * SHAPE[0])
    for _ in range(count):
        mask = disc(int(random.integers(SHAPE[1])), int(random.integers(200, 1700)), radius)
        object_id = int(random.integers(1, OBJECTS + 1))
        start, start_cpu = time.perf_counter(), time.thread_time()
        edit = paint(document.labels(key(0)), mask, object_id=object_id, protection=document.protection(key(0)))
        done = document.apply(key(0), edit, title="Brush", time_spent_s=1.0)
        wall.append(time.perf_counter() - start)
        cpu.append(time.thread_time() - start_cpu)
        document.flush()
        if done is not None:
            durable.append(acknowledged[done.sequence] - start)
    undo = []
    for _ in range(count):
        start = time.perf_counter()
        document.undo()
        undo.append(time.perf_counter() - start)
    document.flush()
    weight = document.store.reader.ask("SELECT sum(length(counts)) FROM masks")[0][0]
    document.close()
    return {
        "wall": np.array(wall) * 1e3,
        "cpu": np.array(cpu) * 1e3,
        "durable": np.array(durable) * 1e3,
        "undo": np.array(undo) * 1e3,
        "bytes": float(weight),
        "file": float(path.stat().st_size),
    }


def row(name: str, ms: np.ndarray) -> str:
    return f"| {name} | {np.median(ms):.1f} | {np.percentile(ms, 95):.1f} | {ms.max():.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--revisions", type=int, default=100_000)
    parser.add_argument("--strokes", type=int, default=300)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="panosod-open-") as folder:
        large = Path(folder) / "large.panosod"
        fill(large, arguments.revisions)
        size = large.stat().st_size
        warm, cold = open_times(large, cold=False), open_times(large, cold=True)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        measured = strokes(Path(folder) / "strokes.panosod", arguments.strokes)
    load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
    text = f"""# Opening a large project; what a stroke costs

`python benchmarks/open_project.py --revisions {arguments.revisions} --strokes {arguments.strokes}`,
{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {system()}, {os.cpu_count()} cores,
load {load}, SQLite {sqlite3.sqlite_version}. The method is told at the top of the script.

Opening {arguments.revisions:,} revisions ({size / 2**20:.0f} MiB; {memory:.0f} MiB peak of the process), integrity
check and one label map included: {np.median(warm):.2f} s with the file in the page cache (worst of
{len(warm)}: {max(warm):.2f} s), {np.median(cold):.2f} s without (worst {max(cold):.2f} s). Wanted: 2 s.

{arguments.strokes} strokes of 5 degrees at 3840x1920, milliseconds:

| | median | p95 | max |
| --- | --- | --- | --- |
{row("blocks whoever paints, wall clock (wanted: 5)", measured["wall"])}
{row("the same, CPU time of that thread", measured["cpu"])}
{row("from there to the disk (wanted: 250)", measured["durable"])}
{row("one undo", measured["undo"])}

The revisions of these {arguments.strokes} undo steps weigh {measured["bytes"] / 2**20:.1f} MiB as run lengths
(wanted: 64 MB for 200 steps); the file with everything, {measured["file"] / 2**20:.1f} MiB.
"""
    if arguments.out is not None:
        arguments.out.write_text(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
