"""Hearing a run: its events go to the job, and it ends when a person or the budget says so."""

import os
import signal
import time
from collections.abc import Callable, Collection

from panosod_core.training.events import Event
from panosod_core.training.jobs.folder import JobFolder, Wish
from panosod_core.training.jobs.states import JobState

_TAKEN = frozenset({"step", "check", "note", "skipped", "resume", "end", "diverged"})


def end_this_process() -> None:
    """As Ctrl-C does it: the loop ends after its step and saves."""
    os.kill(os.getpid(), signal.SIGTERM)


class Watch:
    """Hears a run's events: hands them on to the job, and ends the run when a person or the budget says so.

    Attributes:
        ended_it: it has ended the run.
    """

    def __init__(
        self,
        job: JobFolder,
        run: str,
        *,
        end: Callable[[], None],
        limit_s: float,
        spent_s: float,
        more: Collection[str] = (),
    ) -> None:
        """Begin.

        Args:
            job: whose run it is; its lock is held.
            run: name of the run.
            end: ends it.
            limit_s: longest time of the run; 0: none.
            spent_s: of it, before.
            more: kinds of events to hand on, beyond what the job's folder tells.
        """
        self._job, self._run, self._end_run, self._taken = job, run, end, _TAKEN | set(more)
        self._limit_s, self._began_s = limit_s, time.monotonic() - spent_s
        self.ended_it = False

    def __call__(self, event: Event) -> None:
        """Hear an event."""
        if event["event"] in self._taken:
            self._job.pass_on({**event, "run": self._run})
        if event["event"] == "check":
            self._job.trim_log()
        if event["event"] not in ("step", "check", "start", "resume") or self.ended_it:
            return
        wish = self._job.wish
        if wish is Wish.CANCEL:  # whoever wished it may have died before ending this process
            self._end()
        elif wish is Wish.STOP:
            if self._job.read().state is JobState.RUNNING:
                self._job.become(JobState.STOPPING)
            self._end()
        elif self._limit_s and time.monotonic() - self._began_s >= self._limit_s:
            self._job.tell("note", run=self._run, text="the time is up")
            self._end()

    def _end(self) -> None:
        self.ended_it = True
        self._end_run()
