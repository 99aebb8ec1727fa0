"""``panosod train acoustic|image|video``: the three stages of learning."""

import importlib.util
import json
import sys
from typing import TextIO

from panosod_core.cli.text import one_line
from panosod_core.cli.train_arguments import TrainArguments
from panosod_core.errors import ConfigError, install_extra
from panosod_core.training.events import Event, Listener


def run(args: TrainArguments) -> int:
    """Train; 130 (or 143) where a signal stopped it after it had saved.

    Raises:
        PanosodError: it cannot start or go on.
    """
    if importlib.util.find_spec("torch") is None:
        raise ConfigError(f"training needs torch: {install_extra('model')}")
    # Only now: torch takes seconds, which --help need not.
    from panosod_core.cli.train_job import LOOPS, job_of

    job = job_of(args.stage)
    report: Listener = _print_json if args.stage.json else ProgressLine(sys.stderr)
    outcome = LOOPS[job.stage](job, listeners=(report,))
    return 0 if outcome.stopped_by is None else 128 + int(outcome.stopped_by)


def _print_json(event: Event) -> None:
    print(json.dumps(event), flush=True)


class ProgressLine:
    """Lines for a person; that of the steps is rewritten in place on a terminal, and left out elsewhere."""

    def __init__(self, out: TextIO) -> None:
        """Write to a stream."""
        self._out = out
        self._open = False

    def __call__(self, event: Event) -> None:
        """Show an event."""
        if event["event"] == "step":
            if self._out.isatty():
                self._out.write(f"\r\x1b[K{step_text(event)}")
                self._open = True
        else:
            text = event_text(event)
            if text:
                start = "\r\x1b[K" if self._open else ""
                self._out.write(f"{start}{one_line(text)}\n")
                self._open = False
        self._out.flush()


def step_text(event: Event) -> str:
    """Where a run is: "epoch 3 step 120/4000 loss 0.1234 12.3 samples/s, 1:02:03 to go"."""
    text = f"epoch {event['epoch'] + 1} step {event['step']}/{event['of']} loss {event['loss']:.4f}"
    if event["eta_s"] is not None:
        seconds = round(event["eta_s"])
        left = f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
        text += f" {event['samples_per_s']:.1f} samples/s, {left} to go"
    return text


def event_text(event: Event) -> str:
    """A line for a person; "" for what only programs need."""
    kind = event["event"]
    if kind == "start":
        return f"training on {event['device']}, {event['processes']} process(es)"
    if kind == "resume":
        return f"going on after step {event['step']} on {event['device']}"
    if kind == "check":
        left_out = ("event", "time", "step", "epoch", "best")
        told = {n: v for n, v in event.items() if n not in left_out and isinstance(v, int | float)}
        numbers = " ".join(f"{n} {v:.4f}" for n, v in told.items())
        return f"epoch {event['epoch']} step {event['step']}: {numbers}" + (" (best so far)" if event["best"] else "")
    if kind == "skipped":
        return f"skipped ({event['count']} so far): {event['reason']}"
    if kind == "note":
        return str(event["text"])
    if kind == "end":
        how = "done" if event["how"] == "done" else "stopped; go on with --resume"
        return f"{how}: {event['step']} steps in {event['seconds']:.0f} s"
    return ""
