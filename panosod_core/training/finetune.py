"""A finetuning job from its folder's request to its folder's verdict. Read :meth:`Finetuning.work` from top to bottom.

The process may die at any line: what a step made is written whole before the record says so, and whoever takes the job
up again goes on from there.
"""

import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import torch

from panosod_core.annotation.adopting import clip_file
from panosod_core.annotation.snapshot import Snapshot
from panosod_core.datasets.index import Layout, Split
from panosod_core.datasets.opening import open_data_set
from panosod_core.datasets.projects import Preparation, is_machines, prepare
from panosod_core.errors import DatasetError, TrainingError
from panosod_core.inference.engine_protocol import Engine
from panosod_core.inference.engine_torch import open_torch_engine
from panosod_core.inference.library import model_in_use
from panosod_core.inference.model_file import ModelFile
from panosod_core.training.events import Listener
from panosod_core.training.finetune_base import compare_on_base
from panosod_core.training.finetune_check import check_room, check_sound, needs
from panosod_core.training.finetune_compare import compare_models
from panosod_core.training.finetune_faults import plain_words
from panosod_core.training.finetune_gate import FrameScores, judge
from panosod_core.training.finetune_gpus import free_of_gpus
from panosod_core.training.finetune_ledger import split_at_hand
from panosod_core.training.finetune_plan import MAIN, RunPlan, budget_of, mix_of, runs_of
from panosod_core.training.finetune_run import train_plan, windows_to_sharpen_by
from panosod_core.training.finetune_sharpen import sharpened
from panosod_core.training.finetune_split import (
    FEWEST,
    Corrected,
    FixedSplit,
    corrected_frames,
    keep_split,
    settle_split,
)
from panosod_core.training.folder import BEST, LAST
from panosod_core.training.jobs.control import give_up
from panosod_core.training.jobs.files import write_json
from panosod_core.training.jobs.folder import CANDIDATE, JobFolder, JobRecord, Wish
from panosod_core.training.jobs.machine import alone
from panosod_core.training.jobs.process_mark import ProcessMark
from panosod_core.training.jobs.states import AT_WORK, MAY_BECOME, JobState
from panosod_core.training.world import joined

INCUMBENT, EVALUATION = "incumbent.safetensors", "evaluation.json"
DATA, RUNS = "data", "runs"
JUDGED = "judged.safetensors"
"""In a fold's run: its best weights as they are judged."""
_TOLD_EVERY_S = 1.0


class InterruptedJobError(Exception):
    """The process was asked to end, and not by the job's owner: the job waits for another process."""


def work_on(folder: Path, *, listeners: Sequence[Listener] = ()) -> JobRecord:
    """Do a job, or go on with it, until it has been judged, was stopped, or failed.

    Args:
        folder: of the job, which is queued or was left by a process that died.
        listeners: hear every event.

    Returns:
        What its record says then.

    Raises:
        BusyError: another job is at work on this machine; nothing has become of this one.
        InterruptedJobError: the process was asked to end.
        PanosodError: it failed; its record says so too.
    """
    job = JobFolder(folder, listeners=listeners)
    with alone(folder.absolute()), job.held():
        mark = ProcessMark.of(os.getpid())
        if mark is not None:
            job.mark(mark)
        if job.read().state in AT_WORK:
            job.become(JobState.QUEUED, "its process had died; it goes on from the last saved state")
        try:
            job.put_aside()
            Finetuning(job).work()
        except (InterruptedJobError, KeyboardInterrupt):
            if job.wish is not Wish.CANCEL:
                raise
            give_up(job)  # whoever wished it may have died
        except Exception as error:  # noqa: BLE001 - a process's boundary: whoever looks sees that it failed, and why
            job.use_spare()
            if job.wish is not Wish.CANCEL:
                _fail(job, error)
            give_up(job)
        finally:
            job.use_spare()
        return job.read()


def _fail(job: JobFolder, error: Exception) -> NoReturn:
    """Say why, in the record and to the caller."""
    record = job.read()
    text = plain_words(error, batch=record.request.batch)
    if JobState.FAILED in MAY_BECOME[record.state]:
        job.become(JobState.FAILED, text or f"{type(error).__name__}: {error} (a fault of panosod; see log.txt)")
    if text is None or text == str(error):
        raise error
    raise TrainingError(text) from error


class Finetuning:
    """One process's work on a job."""

    def __init__(self, job: JobFolder) -> None:
        """Begin with what the folder says.

        Args:
            job: whose lock is held.
        """
        self._job, self._request = job, job.read().request

    def work(self) -> None:
        """All of it, from wherever it is.

        Raises:
            PanosodError: it cannot go on.
        """
        self._heed()
        record = self._job.read()
        if self._request.threads:
            torch.set_num_threads(self._request.threads)
        if record.state is JobState.QUEUED:
            self._job.become(JobState.PREPARING)
            plans = self._prepared()
            self._heed()
            if self._job.wish is Wish.STOP and not any((self._job.path / RUNS).glob("*/*.safetensors")):
                self._job.become(JobState.STOPPED, "stopped before it learnt anything: the model stays as it is")
                return
            self._job.become(JobState.RUNNING)
            if not self._trained(plans):
                return
        self._evaluated()

    def _heed(self) -> None:
        """Whoever cancels ends this process, but may die before that."""
        if self._job.wish is Wish.CANCEL:
            raise InterruptedJobError

    # Preparing

    def _prepared(self) -> list[RunPlan]:
        """Snapshot, split, data sets, incumbent: made once, and kept."""
        done = self._job.read().result.get("plans")
        if done is None:
            done = self._prepare()
        return [RunPlan(**plan) for plan in done]

    def _prepare(self) -> list[dict[str, Any]]:
        request, root = self._request, self._job.path
        self._job.discard()
        base = ModelFile.read(request.model or model_in_use())
        gpus: dict[int, int] | None = None
        if request.engine != "ray":  # whose nodes look for themselves
            with joined(request.device) as world:  # a device that is not there is found out before anything is written
                gpus = free_of_gpus(world.device, processes=request.processes)
        with Snapshot.open(request.project) as snapshot:
            media = {clip.id: clip_file(request.project, clip) for clip in snapshot.clips}
            corrected = corrected_frames(snapshot, clips=[c for c, path in media.items() if path is not None])
            files = {clip.content_id: path for clip in snapshot.clips if (path := media[clip.id]) is not None}
            if base.config.fuses:
                check_sound({clip.name: (files[clip.content_id], len(clip.times_s)) for clip in corrected})
            missing = [c.path for c in snapshot.clips if media[c.id] is None and snapshot.frames[c.id]]
            total = sum(len(clip.times_s) for clip in corrected)
            if total < FEWEST:
                lost = f" ({', '.join(missing)} not found)" if missing else ""
                raise TrainingError(
                    f"{request.project}: expected {FEWEST} corrected frames or more to learn from, there are "
                    f"{total}{lost}; correct {FEWEST - total} more{_not_said(snapshot)}"
                )
            kept, lost = split_at_hand(snapshot)
            if lost:
                self._job.tell("note", text=lost)
            fixed = settle_split(request.project, corrected, share=request.check_share, kept=kept)
            runs = runs_of(corrected, fixed)
            room = needs(
                base.config, weights=base.path.stat().st_size, frames=total, copies=len(runs), batch=request.batch
            )
            check_room(root, room, gpus=gpus, processes=request.processes)
            shutil.copyfile(base.path, root / INCUMBENT)
            for plan, split in runs.items():
                if split.guard_s < fixed.guard_s:
                    close = f"{split.guard_s:.2g} s apart, {fixed.guard_s:g} s are wanted: frames lie close together"
                    self._job.tell("note", run=plan.name, text=f"what is learnt from and what checks lie {close}")
                how = Preparation(
                    width=base.config.width_px,
                    step_s=base.config.frame_spacing_s,
                    window=base.config.window,
                    rule=split.rule(),
                )
                prepare(
                    snapshot, root / DATA / plan.name, how,
                    media=lambda clip: media[clip.id], should_stop=lambda: self._job.wish is Wish.CANCEL,
                )  # fmt: skip
            keep_split(request.project, fixed.having_learnt(corrected))
            plans = [vars(plan) for plan in runs]
            self._job.add(
                plans=plans,
                snapshot={"fingerprint": snapshot.fingerprint, "revisions": list(snapshot.revisions)},
                incumbent={"model_id": base.model_id, "path": str(base.path)},
                corrected=total,
                clips={clip.name: len(clip.times_s) for clip in corrected},
                checked={} if any(plan.is_final for plan in runs) else _checked(fixed, corrected),
                left_out=missing,
            )
        return plans

    # Training

    def _trained(self, plans: Sequence[RunPlan]) -> bool:
        """All runs, one after the other; False where there is nothing to judge."""
        epochs: list[int] = []
        for plan in plans:
            if self._is_to_stop():
                break
            most = max(1, round(sum(epochs) / len(epochs))) if plan.is_final and epochs else self._request.epochs
            ended: dict[str, int] = self._job.read().result.get("ended", {})
            if plan.name not in ended:
                found = train_plan(self._job, plan, epochs=most, budget=budget_of(plan, plans))
                if found.interrupted:
                    raise InterruptedJobError
                self._heed()
                if plan.name != MAIN:
                    self._sharpen(plan, self._job.path / RUNS / plan.name / JUDGED)
                ended |= {plan.name: max(found.best_epoch, 1) if found.had_enough else self._request.epochs}
                if not self._is_to_stop():  # else it may go on
                    self._job.add(ended=ended)
            epochs.append(ended[plan.name])
        stopped = self._is_to_stop()
        if not self._sharpen(plans[-1], self._job.path / CANDIDATE):
            self._job.become(JobState.STOPPED, "stopped before the first check: the model stays as it is")
            return False
        self._job.become(JobState.STOPPED if stopped else JobState.FINISHED)
        return True

    def _is_to_stop(self) -> bool:
        """Whether it is to end early, as its folder says now: a person may wish it at any line."""
        return self._job.wish is Wish.STOP

    def _sharpen(self, plan: RunPlan, target: Path) -> bool:
        """What a run has learnt, with maps that are decided; False where it had no check."""
        weights = self._job.path / RUNS / plan.name / (LAST if plan.is_final else BEST)
        if not weights.is_file():
            return False
        with joined("auto" if self._request.engine == "ray" else self._request.device) as world:
            windows, incumbent = windows_to_sharpen_by(self._job, plan), self._job.path / INCUMBENT
            found = sharpened(
                weights, target, windows, begun_with=incumbent, device=world.device, blend=self._request.blend
            )
        text = f"logits multiplied by {found.factor:.3g}; {found.begun_with:.3g} would suit those of the model in use"
        self._job.tell("note", run=plan.name, text=text)
        if plan.name == MAIN:
            self._job.add(decided=vars(found))
        return True

    # Judging

    def _evaluated(self) -> None:
        """Incumbent and candidate on the check set; by cross-validation where there is none."""
        record, root = self._job.read(), self._job.path
        plans = [RunPlan(**plan) for plan in record.result["plans"]]
        apart = not plans[-1].is_final
        frames: list[FrameScores] = []
        incumbent = self._engine(root / INCUMBENT)
        for plan in plans if apart else plans[:-1]:
            weights = root / CANDIDATE if apart else root / RUNS / plan.name / JUDGED
            if not weights.is_file():
                continue  # stopped before this fold had a check
            data = open_data_set(root / DATA / plan.name, layout=Layout.PANOSOD).of_split(Split.VALIDATION)
            told = _Told(self._job)
            decided = record.result.get("decided", {}).get("begun_with", 1.0) if apart else 1.0
            frames += compare_models(incumbent, self._engine(weights), data, decided=decided, progress=told)
            self._heed()
        base, unasked = self._on_base(incumbent)
        verdict = judge(
            frames, corrected=record.result["corrected"], seed=self._request.seed, spread=apart,
            base=base, unasked=unasked, chosen=apart,
        )  # fmt: skip
        write_json(
            root / EVALUATION,
            {"verdict": verdict.to_json(), "frames": [f.to_json() for f in frames], "cross_validation": not apart},
        )
        overall, on_base, control = (
            {name: vars(found) for name, found in scores.items()}
            for scores in (verdict.overall, verdict.base, verdict.control)
        )
        candidate = ModelFile.read(root / CANDIDATE)
        self._job.become(
            JobState.EVALUATED, verdict.reason,
            advice=verdict.advice.value, reason=verdict.reason, scores=overall, base=on_base, control=control,
            candidate=candidate.model_id,
        )  # fmt: skip

    def _on_base(self, incumbent: Engine) -> tuple[list[FrameScores], str]:
        """Both models on base scenes; none and why where those cannot be read, such as on a cluster's nodes alone."""
        mix, candidate = mix_of(self._request), self._engine(self._job.path / CANDIDATE)
        self._job.tell("note", text="both models are asked of scenes that the one in use was made for")
        try:
            return compare_on_base(incumbent, candidate, folder=mix.folder, scene=mix.scene, heed=self._heed), ""
        except DatasetError as error:
            self._job.tell("note", text=f"nobody asks what the new model has forgotten: {error}")
            return [], str(error)

    def _engine(self, path: Path) -> Engine:
        # Both on the same runtime and in full precision, whatever exports lie about: models are compared here.
        return open_torch_engine(
            ModelFile.read(path),
            device="auto" if self._request.engine == "ray" else self._request.device,
            precision="float32",
            threads=self._request.threads or None,
        )


class _Told:
    """Tells how far the judging is, now and then."""

    def __init__(self, job: JobFolder) -> None:
        self._job, self._last = job, time.monotonic()

    def __call__(self, done: int, of: int) -> None:
        now = time.monotonic()
        if done == of or now - self._last >= _TOLD_EVERY_S:
            self._last = now
            self._job.tell("judged", done=done, of=of)


def _not_said(snapshot: Snapshot) -> str:
    """What is said of frames that no person has said anything of."""
    count = sum(is_machines(f) for frames in snapshot.frames.values() for f in frames)
    return f", or accept some of the {count} that hold only a machine's drafts" if count else ""


def _checked(split: FixedSplit, corrected: Sequence[Corrected]) -> dict[str, int]:
    """Frames for the check, by clip."""
    counts = {c.name: sum(split.part_of(c.content_id, t) is Split.VALIDATION for t in c.times_s) for c in corrected}
    return {name: count for name, count in counts.items() if count}
