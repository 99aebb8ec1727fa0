"""How long the Finetune panel keeps the window waiting while a trainer floods its log and its events.

    python benchmarks/job_panel.py [--seconds 20] [--out benchmarks/results/job_panel.md]

A real process takes a job up and writes log lines and events as fast as it can; the window's thread of jobs follows it;
the panel shows all of it, the curves and the log in turn. Measured is each slice of the window's own thread, from an
event to the next: the processor time that it takes (other programs on the machine do not count), and by the clock. A
person notices 100 ms.
"""

import argparse
import datetime
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from queue import Empty, SimpleQueue

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from pages import system
from PySide6.QtWidgets import QApplication

from panosod_core.training.jobs.control import cancel, queue
from panosod_core.training.jobs.folder import JobFolder
from panosod_core.training.jobs.request import FinetuneRequest
from panosod_viewer.panels.finetune_panel import FinetunePanel
from panosod_viewer.widgets import training_plots  # noqa: F401 - the window loads it beforehand
from panosod_viewer.workers.training import JobSeen, TrainingThread

BAR_MS = 100.0
_TRAINER = """
import os, sys
from pathlib import Path
from panosod_core.training.jobs.folder import JobFolder
from panosod_core.training.jobs.process_mark import ProcessMark
from panosod_core.training.jobs.states import JobState
job = JobFolder(Path(sys.argv[1]))
with job.held():
    job.mark(ProcessMark.of(os.getpid()))
    job.become(JobState.PREPARING, attempts=1)
    job.become(JobState.RUNNING)
    step = 0
    while True:
        step += 1
        job.tell("step", step=step, of=1 << 40, loss=step % 97, run="main", samples_per_s=5.0, eta_s=1e6)
        if step % 50 == 0:
            job.tell("check", step=step, loss=step % 97, f=0.5, s=0.5, e=0.5, mae=0.1, best=step % 500 == 0, run="main")
        print("x" * 2000)
"""


def measure(seconds: float) -> tuple[list[float], list[float], float]:
    """Milliseconds of each slice, by processor and by clock, and how many MB the trainer wrote."""
    app = QApplication.instance() or QApplication([])
    letters: SimpleQueue[object] = SimpleQueue()
    with tempfile.TemporaryDirectory(prefix="panosod-job-panel-") as name:
        root = Path(name)
        job = JobFolder.create(root / "job", FinetuneRequest(root / "p.panosod"))
        queue(job.path)
        thread = TrainingThread(
            letters.put, root=root, command=lambda folder: (sys.executable, "-c", _TRAINER, str(folder))
        )
        thread.watch(job.path)
        panel = FinetunePanel()
        panel.show()
        app.processEvents()
        cpu, clock = [], []
        shown, end_s = 0, time.monotonic() + seconds
        while time.monotonic() < end_s or not shown:
            try:
                letter = letters.get(timeout=0.01)
            except Empty:
                letter = None
            began, began_s = time.thread_time(), time.perf_counter()
            if isinstance(letter, JobSeen):
                shown += 1
                panel.tabs.setCurrentWidget(panel.log if shown % 20 > 10 else panel.tabs.widget(0))
                panel.set_job(letter.job)
            app.processEvents()
            if letter is not None:
                cpu.append(1e3 * (time.thread_time() - began))
                clock.append(1e3 * (time.perf_counter() - began_s))
        cancel(job.path)
        thread.close()
        written = sum((job.path / n).stat().st_size for n in ("log.txt", "events.jsonl")) / 1e6
        panel.close()
    return cpu, clock, written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--out", type=Path)
    words = parser.parse_args()
    cpu, clock, written = measure(words.seconds)
    rows = "\n".join(
        f"| {name} | {len(v)} | {statistics.median(v):.1f} | {sorted(v)[int(0.99 * (len(v) - 1))]:.1f} | {max(v):.1f} |"
        for name, v in (("processor", cpu), ("clock", clock))
    )
    text = f"""# The Finetune panel while a trainer floods

`python benchmarks/job_panel.py --seconds {words.seconds:g}` on {datetime.datetime.now(datetime.UTC):%Y-%m-%d},
{system()}, {os.cpu_count()} cores (load {os.getloadavg()[0]:.1f}); {written:.0f} MB of
log and events. The method is told at the top of the script. By the clock, other programs on the machine count too.

| slices of the window's thread, ms | slices | median | 99 % | longest |
| --- | --- | --- | --- | --- |
{rows}
"""
    if words.out is not None:
        words.out.write_text(text)
    print(text)
    if max(cpu) > BAR_MS:
        sys.exit(1)


if __name__ == "__main__":
    main()
