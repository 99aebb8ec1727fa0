"""Nothing is lost: a scripted painting run is killed at random moments, again and again.

    python benchmarks/kill.py [--kills 1000] [--size 960x480] [--out benchmarks/results/kill.md] [--no-reader]

Method: a painter process (forked, so that it lives in milliseconds) opens the project, paints, erases, accepts, undoes
and redoes as its seed says. It writes a line for every step handed over to the store thread, with a CRC of the frame
as it must be then (labels, states, revisions), and one for every step acknowledged. It is killed with SIGKILL after a
random time (counted from its first line; in every fifth round from its start, which hits opening, and in the one before
from its first acknowledged step). Then the files are copied as they lie there, the copy is opened, and

- SQLite's integrity check must find nothing (0 damaged files);
- the copy must show what the last acknowledged step left in every frame that it acknowledged, or what one of the
  steps left that were handed over after it (they may have reached the disk before they were acknowledged). Where the
  very last step was committed before its line was written, the seed is replayed on the files as they were before.

Another process (with nothing but sqlite3) opens the project, reads and closes it every few milliseconds all the while,
also after the painter is dead: every second time for reading only, else as a browser of databases would, which removes
the log where it is the last one to use the file. What it has once seen committed it must go on seeing.

Every second painter has rotating backups made meanwhile, every third opens its project once more now and then, as
exports and training do. The next painter goes on with the very same files, so every recovery is itself painted on and
killed again. A control run, in which painters acknowledge too early, must find losses.
"""

import argparse
import datetime
import json
import os
import random
import select
import shutil
import signal
import sqlite3
import sys
import tempfile
import threading
import time
import zlib
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from pages import system

from panosod_core.annotation.backups import backups, is_whole
from panosod_core.annotation.document import Document
from panosod_core.annotation.edits import erase, paint
from panosod_core.annotation.masks import RingBox, RingMask
from panosod_core.annotation.records import FrameKey, MaskState, NewClip, ObjectInfo
from panosod_core.annotation.snapshot import Snapshot
from panosod_core.errors import PanosodError

FRAMES = 6
OBJECTS = 5
LONGEST_S = 0.3
PATIENCE_S = 1800.0  # for a job of ``kill_jobs.py`` that copies itself into the project while a painter opens that
READ_EVERY_S = 0.005
AFTER = (b"open\n", b"open\n", b"open\n", b"ack ", b"")  # what a painter has said before its time is counted


def disc(random_: random.Random, shape: tuple[int, int]) -> RingMask:
    """A round brush somewhere, also across the seam."""
    height, width = shape
    r = random_.randint(4, height // 8)
    y, x = np.mgrid[-r : r + 1, -r : r + 1]
    box = RingBox(random_.randrange(width), random_.randint(0, height - 2 * r - 1), 2 * r + 1, 2 * r + 1)
    return RingMask(box, x * x + y * y <= r * r)


def crc(document: Document, key: FrameKey) -> int:
    """What a frame looks like, in one number: labels, states and locks."""
    row = document.frame(key)
    heads = [(i, h.revision, h.state.value) for i, h in sorted(document.heads(key).items())]
    about = (row.state.value, row.locked) if row is not None else ("untouched", False)
    return zlib.crc32(repr((heads, about)).encode(), zlib.crc32(np.ascontiguousarray(document.labels(key)).tobytes()))


def act(document: Document, random_: random.Random) -> tuple[int, FrameKey] | None:
    """One thing that a person does; gives its number and its frame."""
    clip = document.clips[0]
    i = random_.randrange(FRAMES)
    key = FrameKey(clip.id, 0, 1000 + 512 * i, i)
    what = random_.random()
    if what < 0.12:
        last = document.to_undo
        if last is None or last.place.clip != clip.id:
            return None  # what was there before: no painter has done it
        done = document.undo()
    elif what < 0.18:
        done = document.redo()
    elif what < 0.24:
        done = document.accept([key])
    elif what < 0.28:
        done = document.decide([key], random_.choice(list(MaskState)))
    else:
        labels, protection = document.labels(key), document.protection(key)
        mask = disc(random_, clip.shape)
        if what < 0.4:
            edit = erase(labels, mask, object_id=None, protection=protection)
        else:
            edit = paint(labels, mask, object_id=random_.randint(1, OBJECTS), protection=protection)
        done = document.apply(key, edit, title="Stroke", time_spent_s=0.1)
    if done is None:
        return None
    return done.sequence, done.place.frame or key


def painter(project: Path, seed: int, *, lying: bool) -> None:
    """The process that is killed; a lying one acknowledges what it has only handed over."""
    random_ = random.Random(seed)
    handed: dict[int, tuple[FrameKey, int]] = {}
    lock = threading.Lock()

    def acknowledged(sequence: int) -> None:
        with lock:
            key, check = handed[sequence]
        if not lying:
            os.write(1, f"ack {sequence} {key.index} {check}\n".encode())

    document = Document.open(
        project, author="painter", on_committed=acknowledged, backup_every_s=0.1 if seed % 2 else None,
        wait_s=PATIENCE_S,
    )  # fmt: skip
    if document.why_read_only is not None:
        sys.exit(f"read-only: {document.why_read_only}")
    os.write(1, b"open\n")
    while True:
        with lock:  # what is handed over is known before it can be acknowledged
            done = act(document, random_)
            if done is None:
                continue
            handed[done[0]] = done[1], crc(document, done[1])
            is_to_look = seed % 3 == 0 and len(handed) % 3 == 1
            os.write(1, f"hand {done[0]} {done[1].index} {handed[done[0]][1]}\n".encode())
            if lying:
                os.write(1, f"ack {done[0]} {done[1].index} {handed[done[0]][1]}\n".encode())
        if is_to_look:
            Snapshot.open(project).close()
        while document.dirty > 4:
            time.sleep(0.001)


def reader(project: Path, until: int) -> None:
    """The other program; ends when the pipe ``until`` does, and writes its counts."""
    reads = wrong = seen = 0
    while True:
        is_over = bool(select.select([until], [], [], READ_EVERY_S)[0])
        try:
            db = sqlite3.connect(f"file:{project}?mode={'ro' if reads % 2 else 'rw'}", uri=True, timeout=60.0)
            try:
                now = db.execute("SELECT coalesce(max(id), 0) FROM revisions").fetchone()[0]
            finally:
                db.close()
            wrong += now < seen
            seen = max(seen, now)
        except sqlite3.Error as e:
            print(f"THE READER: {e}", file=sys.stderr)
            wrong += 1
        reads += 1
        if is_over:
            os.write(1, f"{reads} {wrong}\n".encode())
            return


class Reader:
    """A child that reads while a painter lives and dies."""

    def __init__(self, project: Path) -> None:
        until, self._going = os.pipe()
        self._counts, writing = os.pipe()
        self._child = os.fork()
        if not self._child:
            os.close(self._going)
            os.dup2(writing, 1)
            try:
                reader(project, until)
            finally:
                os._exit(3)
        os.close(until)
        os.close(writing)

    def close(self) -> tuple[int, int]:
        """After one last look: (times it has read, times it saw less than before or could not read)."""
        os.close(self._going)
        with os.fdopen(self._counts) as counts:
            reads, wrong = counts.read().split()
        os.waitpid(self._child, 0)
        return int(reads), int(wrong)


@dataclass
class Told:
    """What a killed painter had said."""

    opened: bool = False
    acks: list[tuple[int, int, int]] = field(default_factory=list)
    hands: list[tuple[int, int, int]] = field(default_factory=list)

    @staticmethod
    def of(text: str) -> "Told":
        told = Told()
        for line in text.splitlines(keepends=True):
            if not line.endswith("\n"):
                continue
            words = line.split()
            if words[0] == "open":
                told.opened = True
            else:
                entry = (int(words[1]), int(words[2]), int(words[3]))
                (told.acks if words[0] == "ack" else told.hands).append(entry)
        return told


def kill_one(project: Path, *, seed: int, random_: random.Random, after: bytes, lying: bool) -> Told:
    """Start a painter, kill it at a random moment after some word of it, and give what it had said."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        os.dup2(writing, 1)
        try:
            painter(project, seed, lying=lying)
        finally:
            os._exit(3)
    os.close(writing)
    text = b""
    while after not in text:
        piece = os.read(reading, 65536)
        if not piece:
            raise RuntimeError("the painter ended by itself")
        text += piece
    end = time.monotonic() + random_.uniform(0, LONGEST_S if after else LONGEST_S / 4)
    while (left := end - time.monotonic()) > 0:
        if select.select([reading], [], [], left)[0]:
            piece = os.read(reading, 65536)
            if not piece:
                raise RuntimeError("the painter ended by itself")
            text += piece
    os.kill(child, signal.SIGKILL)
    while piece := os.read(reading, 65536):
        text += piece
    os.waitpid(child, 0)
    os.close(reading)
    return Told.of(text.decode())


@dataclass
class Totals:
    kills: int = 0
    while_opening: int = 0
    with_work_waiting: int = 0
    acknowledged: int = 0
    replayed: int = 0
    lost: int = 0
    damaged: int = 0
    log_bytes: int = 0
    backups_left: int = 0
    reads: int = 0
    reads_wrong: int = 0


def states_of(document: Document) -> dict[int, int]:
    """All frames as they are."""
    clip = document.clips[0]
    return {i: crc(document, FrameKey(clip.id, 0, 1000 + 512 * i, i)) for i in range(FRAMES)}


def replayed(before: Path, seed: int, steps: int) -> dict[int, int]:
    """What the frames are after so many steps of a painter."""
    document = Document.open(before, author="painter", backup_every_s=None)
    random_ = random.Random(seed)
    while steps:
        steps -= act(document, random_) is not None
    states = states_of(document)
    document.close()
    return states


def check(project: Path, copy: Path, told: Told, known: dict[int, int], totals: Totals, *, seed: int) -> None:
    """Open the files as they lie there and compare with what was acknowledged."""
    before = copy.with_name("before.panosod")
    copy.replace(before)
    for suffix in ("", "-wal"):
        source = Path(f"{project}{suffix}")
        if source.exists():
            shutil.copyfile(source, f"{copy}{suffix}")
            totals.log_bytes += source.stat().st_size if suffix else 0
    db = sqlite3.connect(copy)
    whole = db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    db.close()
    try:
        document = Document.open(copy, author="check", backup_every_s=None)
    except PanosodError as e:
        print(f"DAMAGED: {e}", file=sys.stderr)
        totals.damaged += 1
        return
    totals.damaged += not whole
    last = told.acks[-1][0] if told.acks else 0
    possible = [(0, dict(known))]
    state = dict(known)
    for sequence, frame, value in told.hands:
        state = {**state, frame: value}
        possible.append((sequence, state))
    now = states_of(document)
    document.close()
    fits = any(sequence >= last and state == now for sequence, state in possible)
    if not fits and now == replayed(before, seed, len(told.hands) + 1):
        fits, totals.replayed = True, totals.replayed + 1
    totals.lost += not fits
    totals.with_work_waiting += bool(told.hands) and told.hands[-1][0] > last
    totals.acknowledged += len(told.acks)
    known.clear()
    known.update(now)


def run(kills: int, size: tuple[int, int], seed: int, *, has_reader: bool, lying: bool = False) -> Totals:
    random_ = random.Random(seed)
    totals = Totals()
    with tempfile.TemporaryDirectory(prefix="panosod-kill-") as folder:
        project, copy = Path(folder) / "p.panosod", Path(folder) / "copy" / "p.panosod"
        copy.parent.mkdir()
        document = Document.create(project, author="start", backup_every_s=None)
        clip = document.add_clip(NewClip("clip.mp4", "content", size[0], size[1], 0, Fraction(1, 15360), FRAMES))
        for i in range(1, OBJECTS + 1):
            document.put_object(clip.id, ObjectInfo(i, f"thing {i}"))
        known = states_of(document)
        document.close()
        shutil.copyfile(project, copy)
        for n in range(kills):
            other = Reader(project) if has_reader else None
            told = kill_one(project, seed=seed * 100_003 + n, random_=random_, after=AFTER[n % 5], lying=lying)
            if other is not None:
                reads, wrong = other.close()
                totals.reads, totals.reads_wrong = totals.reads + reads, totals.reads_wrong + wrong
            totals.kills += 1
            totals.while_opening += not told.opened
            check(project, copy, told, known, totals, seed=seed * 100_003 + n)
            if sys.stderr.isatty() or n % 100 == 99:
                print(f"{n + 1} kills: {totals}", file=sys.stderr)
        left = backups(project)
        totals.backups_left, totals.damaged = len(left), totals.damaged + sum(not is_whole(b) for b in left)
    return totals


def page(totals: Totals, control: Totals, size: tuple[int, int], seconds: float) -> str:
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
    return f"""# Painting runs killed at random moments

`python benchmarks/kill.py --kills {totals.kills} --size {size[0]}x{size[1]}` on {stamp}, {system()},
{os.cpu_count()} cores (load {load}), SQLite {sqlite3.sqlite_version}, {seconds / 60:.0f} minutes.
The method is told at the top of the script.

| | |
| --- | --- |
| SIGKILLs | {totals.kills} |
| of them while the project was being opened | {totals.while_opening} |
| with strokes handed over and not acknowledged yet | {totals.with_work_waiting} |
| acknowledged steps | {totals.acknowledged} |
| runs whose last step reached the disk before it was told, found by replaying | {totals.replayed} |
| runs in which an acknowledged step was missing or changed | **{totals.lost}** |
| damaged files | **{totals.damaged}** |
| times that another program opened, read and closed the project meanwhile | {totals.reads} |
| of them that could not read, or saw less than the one before | **{totals.reads_wrong}** |
| backups left, all whole | {totals.backups_left} |
| bytes of write-ahead log left behind, mean | {totals.log_bytes // max(totals.kills, 1)} |

Control: {control.kills} kills of painters that acknowledge a step when it is handed over rather than when it is
written: an "acknowledged" step was missing in {control.lost} runs. So the check sees losses where there are some.

SIGKILL ends a process, not the machine: what the kernel has taken survives it. That a commit is on the disk itself
rests on SQLite's WAL with `synchronous=FULL`, which this cannot show.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--size", default="960x480")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--control", type=int, default=40, help="kills of painters that acknowledge too early")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--reader", action=argparse.BooleanOptionalAction, default=True, help="another program reads")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    width, height = (int(n) for n in arguments.size.split("x"))
    start = time.monotonic()
    totals = run(arguments.kills, (width, height), arguments.seed, has_reader=arguments.reader)
    control = run(arguments.control, (width, height), arguments.seed, has_reader=arguments.reader, lying=True)
    text = page(totals, control, (width, height), time.monotonic() - start)
    if arguments.out is not None:
        arguments.out.write_text(text)
    print(json.dumps(vars(totals)) if arguments.json else text)
    if totals.lost or totals.damaged or totals.reads_wrong or (arguments.control and not control.lost):
        sys.exit(1)


if __name__ == "__main__":
    main()
