"""What a finetuning job's state, pace and verdict are in words."""

from typing import Any

from panosod_core.training.jobs.states import JobState
from panosod_viewer.tools.training import JobView

STATE_WORDS = {
    JobState.DRAFT: "draft",
    JobState.QUEUED: "waiting",
    JobState.PREPARING: "preparing",
    JobState.RUNNING: "learning",
    JobState.STOPPING: "stopping",
    JobState.STOPPED: "stopped early",
    JobState.CANCELLED: "cancelled",
    JobState.FAILED: "failed",
    JobState.FINISHED: "has learnt",
    JobState.EVALUATED: "judged: promote or reject",
    JobState.PROMOTED: "promoted",
    JobState.REJECTED: "rejected",
}
CHECK_WORDS = {"f": "F", "s": "S", "e": "E", "mae": "MAE", "loss": "Loss"}
"""Numbers of the checks that may be shown."""
_ROLES = {
    JobState.FAILED: "error",
    JobState.EVALUATED: "good",
    JobState.PROMOTED: "good",
    JobState.CANCELLED: "dim",
    JobState.REJECTED: "dim",
}
_ADVICE = {
    "promote": ("Advice: promote it", "good"),
    "keep": ("Advice: keep the model in use", "warning"),
    "too few": ("No advice: too few frames", "warning"),
}


def state_words(job: JobView) -> tuple[str, str]:
    """A line for people, and the role of its label."""
    if job.is_orphan:
        return "Its process has died; it goes on from what it saved as soon as it is its turn", "warning"
    if job.wish == "cancel" and job.state is not JobState.CANCELLED:
        return "Cancelling…", "warning"
    words = STATE_WORDS[job.state].capitalize()
    if job.state in (JobState.FINISHED, JobState.STOPPED) and job.is_alive:
        words = "Has learnt; both models are being compared"
    elif job.state is JobState.QUEUED and job.is_alive:
        words = "Starting"
    # The verdict has a line of its own.
    message = "" if job.state is JobState.EVALUATED else job.record.message
    return f"{words}: {message}" if message else words, _ROLES.get(job.state, "heading")


def pace_words(job: JobView) -> str:
    """How far and how fast; "" where there is nothing to say."""
    if job.state in (JobState.FINISHED, JobState.STOPPED) and job.is_alive and job.pace.judged is not None:
        done, of = job.pace.judged
        return f"{done} of {of} frames compared"
    if job.state is not JobState.RUNNING or not job.pace.step:
        return ""
    words = [f"Step {job.pace.step} of at most {job.pace.of}"]
    if len(job.runs) > 1 or job.runs[0].name != "main":
        words.insert(0, f"Run {job.runs[-1].name}")
    if job.pace.samples_per_s is not None:
        words.append(f"{job.pace.samples_per_s:.1f} windows/s")
    if job.eta_s is not None:
        words.append(f"done in {_duration(job.eta_s)} at the latest")
    return " · ".join(words)


def advice_words(job: JobView) -> tuple[str, str]:
    """The gate's advice with its reason, and the role of its label; "" where it has not spoken."""
    if job.evaluation is None:
        return "", "dim"
    verdict: dict[str, Any] = job.evaluation.get("verdict", {})
    words, role = _ADVICE.get(str(verdict.get("advice")), ("No advice", "dim"))
    return f"{words}: {verdict.get('reason', '')}", role


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes} min" if seconds >= 90 else f"{round(seconds)} s"
