"""Random sequences of everything a person and a machine can do to a project, against a model that is plain arrays.

After every operation: no locked pixel changed; no accepted pixel changed by a machine; objects are disjoint (a label
map); what the document says is what the model says; undo and redo restore exactly; closing, reopening and a crash
(the files as they lie on the disk, without a close) change nothing that was acknowledged.
"""

import copy
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from panosod_core.annotation import merge
from panosod_core.annotation.document import Document
from panosod_core.annotation.edits import Edit, Origin, erase, paint, put_masks, relabel
from panosod_core.annotation.masks import RingBox, RingMask
from panosod_core.annotation.operations import Combination, take_mask
from panosod_core.annotation.propagation.putting import put_carried
from panosod_core.annotation.records import MaskState, ObjectInfo, Source
from panosod_core.annotation.snapshot import Snapshot
from panosod_core.errors import AnnotationError
from tests.core.annotation.painting import IMPORTED, MODEL, PROPAGATED, SHAPE, a_project, key

HEIGHT, WIDTH = SHAPE
FRAMES = st.integers(0, 2)
OBJECTS = st.integers(1, 3)
MACHINES = st.sampled_from([MODEL, PROPAGATED, IMPORTED])


@st.composite
def regions(draw: st.DrawFn) -> RingMask:
    y, x = draw(st.integers(0, HEIGHT - 1)), draw(st.integers(0, WIDTH - 1))
    box = RingBox(x, y, draw(st.integers(1, WIDTH)), draw(st.integers(1, HEIGHT - y)))
    random = np.random.default_rng(draw(st.integers(0, 999)))
    return RingMask(box, random.random((box.height, box.width)) < 0.8)


@dataclass
class FrameModel:
    labels: np.ndarray = field(default_factory=lambda: np.zeros(SHAPE, np.uint8))
    states: dict[int, MaskState] = field(default_factory=dict)
    locks: set[int] = field(default_factory=set)
    locked: bool = False
    accepted: bool = False


class ProjectMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.copies = 0

    @initialize()
    def start(self) -> None:
        self.document = a_project(Path(self.folder.name) / "p.panosod")
        self.frames = {i: FrameModel() for i in range(3)}
        self.object_locks: set[int] = set()
        self.past: list[tuple[dict[int, FrameModel], set[int]]] = []
        self.future: list[tuple[dict[int, FrameModel], set[int]]] = []
        self.steps_before = self.document.undo_depth[0]

    def teardown(self) -> None:
        if hasattr(self, "document"):
            self.document.close()
        self.folder.cleanup()

    # ---- the model

    def state(self) -> tuple[dict[int, FrameModel], set[int]]:
        return copy.deepcopy(self.frames), set(self.object_locks)

    def expected(self, i: int, wanted: np.ndarray, *, machine: bool, consent: bool = False) -> np.ndarray:
        """Pixel by pixel, in words of its own: who may change what."""
        frame = self.frames[i]
        if frame.locked or (machine and not consent and frame.accepted):
            return frame.labels.copy()
        result = wanted.copy()
        for y in range(HEIGHT):
            for x in range(WIDTH):
                for label in (int(frame.labels[y, x]), int(wanted[y, x])):
                    is_locked = label in frame.locks or label in self.object_locks
                    is_accepted = frame.states.get(label) is MaskState.ACCEPTED
                    if is_locked or (is_accepted and machine and not consent):
                        result[y, x] = frame.labels[y, x]
        return result

    def done(self, results: dict[int, np.ndarray], before: tuple[dict[int, FrameModel], set[int]]) -> None:
        """A step that made these label maps: what changed is a draft now."""
        changed = False
        for i, labels in results.items():
            frame = self.frames[i]
            differs = frame.labels != labels
            if not differs.any():
                continue
            changed = True
            for object_id in set(frame.labels[differs].tolist()) | set(labels[differs].tolist()):
                if object_id:
                    frame.states[object_id] = MaskState.DRAFT
            frame.labels, frame.accepted = labels, False
        if changed:
            self.past.append(before)
            self.future.clear()

    def painted(self, i: int, region: RingMask, value: int, hit: np.ndarray | None = None) -> np.ndarray:
        full = region.full(SHAPE)
        return np.where(full if hit is None else full & hit, np.uint8(value), self.frames[i].labels)

    # ---- a person

    @rule(i=FRAMES, region=regions(), object_id=OBJECTS, preserve=st.booleans())
    def paint(self, i: int, region: RingMask, object_id: int, preserve: bool) -> None:
        before = self.state()
        labels = self.frames[i].labels
        free = (labels == 0) | (labels == object_id)
        wanted = self.painted(i, region, object_id, free if preserve else None)
        result = self.expected(i, wanted, machine=False)
        edit = paint(
            self.document.labels(key(i)),
            region,
            object_id=object_id,
            protection=self.document.protection(key(i)),
            preserve_others=preserve,
        )
        assert edit.refused_px == int((wanted != result).sum())
        self.document.apply(key(i), edit, title="Paint")
        self.done({i: result}, before)

    @rule(i=FRAMES, region=regions(), object_id=st.none() | OBJECTS)
    def erase(self, i: int, region: RingMask, object_id: int | None) -> None:
        before = self.state()
        hit = None if object_id is None else self.frames[i].labels == object_id
        result = self.expected(i, self.painted(i, region, 0, hit), machine=False)
        protection = self.document.protection(key(i))
        edit = erase(self.document.labels(key(i)), region, object_id=object_id, protection=protection)
        self.document.apply(key(i), edit, title="Erase")
        self.done({i: result}, before)

    @rule(i=FRAMES, old=OBJECTS, new=st.integers(0, 3))
    def give_away(self, i: int, old: int, new: int) -> None:
        before = self.state()
        labels = self.frames[i].labels
        result = self.expected(i, np.where(labels == old, np.uint8(new), labels), machine=False)
        edit = relabel(self.document.labels(key(i)), {old: new}, protection=self.document.protection(key(i)))
        self.document.apply(key(i), edit, title="Merge")
        self.done({i: result}, before)

    @rule(i=FRAMES, objects=st.none() | st.sets(OBJECTS, min_size=1), state=st.sampled_from(MaskState))
    def decide(self, i: int, objects: set[int] | None, state: MaskState) -> None:
        before = self.state()
        if self.document.decide([key(i)], state, objects=objects) is None:
            return
        frame = self.frames[i]
        for object_id in frame.states:
            if objects is None or object_id in objects:
                frame.states[object_id] = state
        if objects is None:
            frame.accepted = state is MaskState.ACCEPTED
        elif state is not MaskState.ACCEPTED:
            frame.accepted = False
        self.past.append(before)
        self.future.clear()

    @rule(i=FRAMES, object_id=st.none() | OBJECTS, locked=st.booleans())
    def lock(self, i: int, object_id: int | None, locked: bool) -> None:
        before = self.state()
        if self.document.set_lock(key(i), locked=locked, object_id=object_id) is None:
            return
        if object_id is None:
            self.frames[i].locked = locked
        elif locked:
            self.frames[i].locks.add(object_id)
        else:
            self.frames[i].locks.discard(object_id)
        self.past.append(before)
        self.future.clear()

    @rule(object_id=OBJECTS, locked=st.booleans())
    def lock_through_the_clip(self, object_id: int, locked: bool) -> None:
        before = self.state()
        info = next(o for o in self.document.objects(1) if o.id == object_id)
        if self.document.put_object(1, ObjectInfo(object_id, info.name, locked=locked)) is None:
            return
        (self.object_locks.add if locked else self.object_locks.discard)(object_id)
        self.past.append(before)
        self.future.clear()

    # ---- machines

    @rule(i=FRAMES, object_id=OBJECTS, region=regions(), origin=MACHINES, consent=st.booleans())
    def accept_from_a_model(self, i: int, object_id: int, region: RingMask, origin: Origin, consent: bool) -> None:
        before = self.state()
        labels = self.frames[i].labels
        cleared = np.where(labels == object_id, np.uint8(0), labels)
        wanted = np.where(region.full(SHAPE), np.uint8(object_id), cleared)
        result = self.expected(i, wanted, machine=True, consent=consent)
        edit = self.masks(i, {object_id: region}, Origin(origin.source, origin.model_id, consent))
        self.document.apply(key(i), edit, title="Accept the model")
        self.done({i: result}, before)

    @rule(
        i=FRAMES,
        object_id=OBJECTS,
        mask=hnp.arrays(np.bool_, SHAPE),
        how=st.sampled_from(Combination),
        lasso=st.none() | regions(),
        preserve=st.booleans(),
    )
    def take_from_a_model(
        self, i: int, object_id: int, mask: np.ndarray, how: Combination, lasso: RingMask | None, preserve: bool
    ) -> None:
        """As the commands do it: whole or inside a lasso, in place of what is there or together with it."""
        before = self.state()
        labels = self.frames[i].labels
        old, inside = labels == object_id, np.ones(SHAPE, np.bool_) if lasso is None else lasso.full(SHAPE)
        new = {
            Combination.REPLACE: mask,
            Combination.UNION: old | mask,
            Combination.SUBTRACT: old & ~mask,
            Combination.INTERSECT: old & mask,
        }[how]
        new = np.where(inside, new, old)
        if preserve:
            new = new & ((labels == 0) | old)
        try:
            edit = take_mask(
                self.document.labels(key(i)),
                object_id,
                mask,
                how,
                protection=self.document.protection(key(i)),
                within=lasso,
                preserve_others=preserve,
                origin=MODEL,
            )
        except AnnotationError:
            assert not (mask & inside).any()
            return
        self.document.apply(key(i), edit, title="Take the model's mask")
        wanted = np.where(new, np.uint8(object_id), np.where(old, np.uint8(0), labels))
        self.done({i: self.expected(i, wanted, machine=True)}, before)

    @rule(masks=st.dictionaries(OBJECTS, st.none() | regions(), min_size=1), first_seen=st.booleans())
    def carry(self, masks: dict[int, RingMask | None], first_seen: bool) -> None:
        """As a propagation does it: into frames whose maps nobody has drawn, several objects at once, as it goes."""
        before = self.state()
        free = np.ones(SHAPE, np.bool_)
        apart: dict[int, RingMask | None] = {}
        for object_id, region in masks.items():  # carried masks are disjoint
            full = np.zeros(SHAPE, np.bool_) if region is None else region.full(SHAPE) & free
            apart[object_id], free = RingMask.of(full), free & ~full
        if first_seen:
            self.document.read_again()
        results, done = {}, None
        for i in self.frames:
            labels, where = self.frames[i].labels, key(i)
            wanted = np.where(np.isin(labels, list(masks)), np.uint8(0), labels)
            for object_id, mask in apart.items():
                if mask is not None:
                    wanted[mask.full(SHAPE) & (wanted == 0)] = object_id
            results[i] = self.expected(i, wanted, machine=True)
            edit = put_carried(
                lambda box, where=where: self.document.read(where, box),  # type: ignore[misc]  # bound at once
                apart,
                old={o: self.document.mask(where, o) for o in apart},
                ring_width=WIDTH,
                protection=self.document.protection(where),
                origin=PROPAGATED,
            )
            done = self.document.apply_many([(where, edit)], title="Propagate", continuing=done) or done
        self.done(results, before)

    @rule(object_id=OBJECTS, region=regions(), as_it_goes=st.booleans())
    def propagate(self, object_id: int, region: RingMask, as_it_goes: bool) -> None:
        """Over all frames in one step, handed over at once or frame by frame."""
        before = self.state()
        edits, results, done = [], {}, None
        for i in self.frames:
            labels = self.frames[i].labels
            cleared = np.where(labels == object_id, np.uint8(0), labels)
            wanted = np.where(region.full(SHAPE), np.uint8(object_id), cleared)
            results[i] = self.expected(i, wanted, machine=True)
            edit = self.masks(i, {object_id: region}, PROPAGATED)
            edits.append((key(i), edit))
            if as_it_goes:
                done = self.document.apply_many([(key(i), edit)], title="Propagate", continuing=done) or done
        if not as_it_goes:
            self.document.apply_many(edits, title="Propagate")
        self.done(results, before)

    @rule(i=FRAMES, first=regions(), second=regions())
    def import_masks(self, i: int, first: RingMask, second: RingMask) -> None:
        before = self.state()
        labels = self.frames[i].labels
        incoming = np.where(first.full(SHAPE), 1, np.where(second.full(SHAPE), 2, 0)).astype(np.uint8)
        result = self.expected(i, np.where(labels == 0, incoming, labels), machine=True)
        edit = put_masks(
            self.document.labels(key(i)),
            {1: first, 2: second},
            protection=self.document.protection(key(i)),
            origin=IMPORTED,
            keep_existing=True,
        )
        overlap = int((first.full(SHAPE) & second.full(SHAPE)).sum())
        assert edit.overlaps.get((1, 2), 0) == overlap
        self.document.apply(key(i), edit, title="Import")
        self.done({i: result}, before)

    @rule(i=FRAMES, object_id=OBJECTS, region=regions(), theirs_wins=st.booleans())
    def merge(self, i: int, object_id: int, region: RingMask, theirs_wins: bool) -> None:
        before = self.state()
        frame = self.frames[i]
        self.copies += 1
        path = Path(self.folder.name) / f"other-{self.copies}.panosod"
        other = a_project(path, author="bo")
        empty = paint(other.labels(key(i)), region, object_id=object_id, protection=other.protection(key(i)))
        other.apply(key(i), empty, title="Paint")
        other.close()
        with Snapshot.open(path) as theirs:
            plan = merge.compare(self.document, theirs)
            choices = {(c.key, c.object_id): merge.Choice.THEIRS for c in plan.conflicts} if theirs_wins else {}
            merge.apply(self.document, theirs, plan, choices=choices)
        if not region.bits.any():
            assert not plan.items
            return
        is_conflict = bool(plan.conflicts)
        their = region.full(SHAPE)
        clean = object_id not in frame.states and not (frame.labels[their] > 0).any()
        assert is_conflict == (not clean and not ((frame.labels == object_id) == their).all())
        wanted = np.where(frame.labels == object_id, np.uint8(0), frame.labels)
        wanted = np.where(their, np.uint8(object_id), wanted)
        if is_conflict and not theirs_wins:
            return
        self.done({i: self.expected(i, wanted, machine=True)}, before)

    @rule(
        i=FRAMES,
        region=regions(),
        by=st.sampled_from(["accepted mask", "accepted frame", "locked mask", "locked frame", "locked object"]),
        object_id=OBJECTS,
        origin=MACHINES,
        then=st.sampled_from(["go on", "unlock", "crash"]),
    )
    def attack_what_is_protected(
        self, i: int, region: RingMask, by: str, object_id: int, origin: Origin, then: str
    ) -> None:
        """Chance alone seldom brings a machine to where somebody has just protected something."""
        self.paint(i, region, 1, False)
        if by.startswith("accepted"):
            self.decide(i, {1} if by == "accepted mask" else None, MaskState.ACCEPTED)
        elif by == "locked object":
            self.lock_through_the_clip(1, True)
        else:
            self.lock(i, 1 if by == "locked mask" else None, True)
        self.accept_from_a_model(i, object_id, region, origin, False)
        rows = RingMask(RingBox(0, 0, WIDTH, 2), np.ones((2, WIDTH), bool))
        self.accept_from_a_model(i, 1, rows, origin, False)
        self.accept_from_a_model(i, 3, rows, origin, False)
        self.paint(i, region, object_id, False)
        if then == "unlock":
            self.lock(i, 1, False)
            self.lock(i, None, False)
        if then != "go on":
            self.crash()

    def masks(self, i: int, masks: dict[int, RingMask], origin: Origin) -> Edit:
        return put_masks(
            self.document.labels(key(i)), masks, protection=self.document.protection(key(i)), origin=origin
        )

    # ---- time

    @precondition(lambda self: self.past)
    @rule()
    def undo(self) -> None:
        self.future.append(self.state())
        self.frames, self.object_locks = self.past.pop()
        assert self.document.undo() is not None

    @precondition(lambda self: self.future)
    @rule()
    def redo(self) -> None:
        self.past.append(self.state())
        self.frames, self.object_locks = self.future.pop()
        assert self.document.redo() is not None

    @rule()
    def close_and_open(self) -> None:
        path = self.document.path
        self.document.close()
        self.document = Document.open(path, author="ada", backup_every_s=None)

    @rule()
    def crash(self) -> None:
        """What was acknowledged lies in the file and its log; nobody closed anything."""
        self.document.flush()
        self.copies += 1
        crashed = Path(self.folder.name) / f"crashed-{self.copies}.panosod"
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{self.document.path}{suffix}", f"{crashed}{suffix}")
        self.document.close()
        self.document = Document.open(crashed, author="ada", backup_every_s=None)

    @invariant()
    def document_and_model_agree(self) -> None:
        if not hasattr(self, "document"):
            return
        assert self.document.undo_depth == (self.steps_before + len(self.past), len(self.future))
        for i, frame in self.frames.items():
            assert (self.document.labels(key(i)) == frame.labels).all()
            assert {k: h.state for k, h in self.document.heads(key(i)).items()} == frame.states
            protection = self.document.protection(key(i))
            assert protection.locked == frame.locks | self.object_locks
            assert (protection.frame_locked, protection.frame_accepted) == (frame.locked, frame.accepted)
        for i, frame in self.frames.items():
            for object_id, head in self.document.heads(key(i)).items():
                assert head.source in Source
                if frame.states[object_id] is MaskState.ACCEPTED:
                    assert object_id in self.document.protection(key(i)).accepted


ProjectMachine.TestCase.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestProject = ProjectMachine.TestCase
