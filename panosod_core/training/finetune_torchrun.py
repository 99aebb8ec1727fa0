"""A run of a finetuning job in several processes of this machine: torchrun starts them, the job's process watches.

``python -m torch.distributed.run … -m panosod_core.training.finetune_torchrun JOB RUN FINAL EPOCHS BUDGET`` is one of
them. They tell their events in the run's own folder; the job's process reads them there.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from panosod_core.errors import PanosodError, TrainingError
from panosod_core.training.events import EVENTS, Event
from panosod_core.training.finetune_data import mixed_sources
from panosod_core.training.finetune_examples import examples_of
from panosod_core.training.finetune_plan import RunPlan, job_of, mix_of
from panosod_core.training.jobs.files import read_lines
from panosod_core.training.jobs.folder import JobFolder
from panosod_core.training.jobs.members import end_members, join
from panosod_core.training.state import STATE, read_state
from panosod_core.training.video import train_video

_LOOK_EVERY_S = 0.1


class Processes:
    """The processes of a run, as the job's process sees them."""

    def __init__(self, job: JobFolder, plan: RunPlan, *, epochs: int, budget: float) -> None:
        """Start them, in the job's own group: whoever ends that ends them too.

        Args:
            job: whose run it is.
            plan: which.
            epochs: most passes.
            budget: share of the request's minutes and steps.
        """
        self._job, count = job, job.read().request.processes
        words = (str(job.path), plan.name, str(int(plan.is_final)), str(epochs), repr(budget))
        self._events, self._out = job.path / "runs" / plan.name / EVENTS, job.path / "runs" / plan.name
        self._offset = self._events.stat().st_size if self._events.is_file() else 0
        run = ("-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}", "-m", __spec__.name)
        self._child = subprocess.Popen([sys.executable, *run, *words], stdin=subprocess.DEVNULL)

    def end(self) -> None:
        """They end after their step and save."""
        self._child.send_signal(signal.SIGTERM)

    def watch(self, hear: Callable[[Event], None], *, ended_on_purpose: Callable[[], bool]) -> int:
        """Hand on what they tell until they have ended.

        Args:
            hear: takes events.
            ended_on_purpose: whether :meth:`end` was called.

        Returns:
            After how many passes the run was best.

        Raises:
            TrainingError: they failed.
        """
        try:
            while self._child.poll() is None:
                self._hand_on(hear)
                time.sleep(_LOOK_EVERY_S)
            self._hand_on(hear)
        finally:
            if self._child.poll() is None:
                self._child.kill()
                self._child.wait()
            end_members(self._job.path)
        if self._child.returncode and not ended_on_purpose():
            raise TrainingError(
                f"the processes of {self._out.name} ended with {self._child.returncode}; log.txt says why; the last "
                "saved state is whole"
            )
        state = self._out / STATE
        return read_state(state).position.best_epoch if state.is_file() else 0

    def _hand_on(self, hear: Callable[[Event], None]) -> None:
        found, self._offset = read_lines(self._events, offset=self._offset)
        for event in found:
            hear(event)


def main(words: Sequence[str]) -> int:
    """Be one of the processes."""
    folder, name, is_final, epochs, budget = words
    job = JobFolder(Path(folder))
    owner = job.process
    if owner is not None and not owner.is_alive:
        return 1
    join(job.path, owner)
    plan = RunPlan(name, is_final=bool(int(is_final)))
    asked = job_of(job, plan, epochs=int(epochs), budget=float(budget))
    try:
        outcome = train_video(asked, sources=mixed_sources(mix_of(job.read().request)), look=examples_of(job, plan))
    except PanosodError as error:
        sys.stderr.write(f"panosod: {error}\n")
        return 1
    return 0 if outcome.stopped_by is None else 128 + int(outcome.stopped_by)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
