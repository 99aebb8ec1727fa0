"""Waveform, demo and heads: each a thread that posts and ends."""

import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from panosod_core.errors import HrtfError
from panosod_core.media.clock import clip_origin_s
from panosod_core.media.probe import probe
from panosod_viewer.workers.demo import DemoDone, DemoFailed, DemoProgress, DemoWorker
from panosod_viewer.workers.heads import HeadDesigned, HeadDesigner, HeadFailed
from panosod_viewer.workers.waveform import WaveformWorker


def left_over():
    return [t.name for t in threading.enumerate() if t.name.startswith("panosod")]


def test_the_waveform_comes_whole(clip, mail):
    info = probe(clip)
    worker = WaveformWorker(clip, info.audio, mail.post, duration_s=info.duration_s, clock_origin_s=clip_origin_s(info))
    worker.start()
    summary = mail.next().summary
    while not summary.is_complete:
        summary = mail.next().summary
    assert summary.max.max() > 0.01
    assert np.all(summary.min <= summary.max)
    assert worker.close(timeout_s=60)
    assert left_over() == []


def test_a_waveform_that_cannot_be_read_is_silently_none(clip, mail, tmp_path):
    info = probe(clip)
    worker = WaveformWorker(tmp_path / "gone.mp4", info.audio, mail.post, duration_s=1.0, clock_origin_s=0.0)
    worker.start()
    worker._thread.join(60)
    assert mail._queue.empty()
    assert worker.close(timeout_s=60)


# --- demo ---

MAKER = """
import json, pathlib, sys
for done in (0, 5, 10):
    print(json.dumps({"event": "progress", "done": done, "total": 10}), flush=True)
print("not json", flush=True)
pathlib.Path(sys.argv[1]).write_bytes(b"clip")
"""


def demo(out: Path, mail, program: str) -> DemoWorker:
    worker = DemoWorker(out, mail.post, command=(sys.executable, "-c", program, str(out)))
    worker.start()
    return worker


def test_the_demo_tells_how_far_it_is_and_where_it_lies(tmp_path, mail):
    out = tmp_path / "new" / "demo.mp4"
    worker = demo(out, mail, MAKER)
    assert [mail.next() for _ in range(4)] == [DemoProgress(0.0), DemoProgress(0.5), DemoProgress(1.0), DemoDone(out)]
    assert worker.close(timeout_s=60)


def test_a_demo_made_before_is_used_again(tmp_path, mail):
    out = tmp_path / "demo.mp4"
    out.write_bytes(b"clip")
    worker = demo(out, mail, "raise SystemExit(3)")
    assert mail.next() == DemoDone(out)
    assert worker.close(timeout_s=60)


def test_a_demo_that_fails_says_why_in_one_line(tmp_path, mail):
    worker = demo(tmp_path / "demo.mp4", mail, "import sys; sys.stderr.write('first\\ndisk full\\n'); sys.exit(1)")
    assert mail.next() == DemoFailed("the demo clip cannot be made: disk full")
    assert worker.close(timeout_s=60)


def test_closing_ends_the_child_too(tmp_path, mail):
    waiting = (
        "import json,sys,time; print(json.dumps({'event':'progress','done':1,'total':9}),flush=True); time.sleep(600)"
    )
    worker = demo(tmp_path / "demo.mp4", mail, waiting)
    assert isinstance(mail.next(), DemoProgress)
    assert worker.close(timeout_s=60)
    assert worker._process.returncode is not None
    assert left_over() == []


def test_the_real_command_is_the_one_that_makes_the_demo():
    worker = DemoWorker(Path("out.mp4"), print)
    assert worker._command[1:] == ("-m", "panosod_core.cli.main", "synth", "--demo", "--json", "--out", "out.mp4")


# --- heads ---


def test_a_head_is_designed_off_the_gui_thread(testdata, mail):
    designer = HeadDesigner(mail.post)
    designer.design(testdata / "hrtf" / "fabian_pyfar_hrirs.sofa", order=1)
    letter = mail.next()
    assert isinstance(letter, HeadDesigned)
    assert (letter.filters.order, letter.filters.sample_rate_hz) == (1, 48000)
    assert designer.close(timeout_s=60)
    assert left_over() == []


def test_a_file_that_is_no_head_is_one_line(tmp_path, mail):
    path = tmp_path / "x.sofa"
    path.write_bytes(b"no")
    designer = HeadDesigner(mail.post)
    designer.design(path, order=1)
    letter = mail.next()
    assert isinstance(letter, HeadFailed)
    assert "\n" not in letter.text
    assert designer.close(timeout_s=60)


def test_only_the_latest_head_is_told(monkeypatch, mail, tmp_path):
    gate, entered = threading.Event(), threading.Event()

    def slow(path, *, order):
        entered.set()
        assert gate.wait(60)
        raise HrtfError(f"{path.name} refused")

    monkeypatch.setattr("panosod_core.ambisonics.equalise.filters_from_sofa", slow)
    designer = HeadDesigner(mail.post)
    designer.design(tmp_path / "a", order=1)
    assert entered.wait(60)
    designer.design(tmp_path / "b", order=1)
    gate.set()
    assert mail.next().text == "b refused"
    assert designer.close(timeout_s=60)
    assert mail._queue.empty()


@pytest.mark.parametrize("started", [True, False])
def test_closing_an_idle_designer(mail, started, tmp_path):
    designer = HeadDesigner(mail.post)
    if started:
        designer.design(tmp_path / "none.sofa", order=1)
        mail.next()
    assert designer.close(timeout_s=60)
