import json
import os
import subprocess
import sys
import time

import pytest

from panosod_viewer.figures import CpuTimes, Figures, machine


def test_a_process_was_started_after_who_started_it_looked_at_the_clock():
    code = "from panosod_viewer.figures import process_started_s; print(process_started_s())"
    before_s = time.monotonic()
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # The system counts in ticks and cuts off what is less.
    tick_s = 1 / os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 0.0
    assert before_s - 2 * tick_s < float(child.stdout) < time.monotonic()


def test_steal_is_a_share_of_all_ticks():
    assert CpuTimes(1100, 30).steal_percent_since(CpuTimes(1000, 10)) == pytest.approx(20)
    assert CpuTimes().steal_percent_since(CpuTimes()) is None


def test_figures_are_written_whole(tmp_path):
    path = tmp_path / "stats.json"
    path.write_text("old")
    Figures(clip="a.mp4", shown=3, picture_px=(640, 360)).write(path)
    read = json.loads(path.read_text())
    assert (read["clip"], read["shown"], read["first_frame_s"]) == ("a.mp4", 3, None)
    assert read["machine"]["cores"] == machine()["cores"]
    assert [p.name for p in tmp_path.iterdir()] == ["stats.json"]


def test_figures_for_a_moment_are_written_as_whole(tmp_path):
    path = tmp_path / "stats.json"
    for shown in (1, 2):
        Figures(shown=shown).write(path, is_lasting=False)
        assert json.loads(path.read_text())["shown"] == shown
    assert [p.name for p in tmp_path.iterdir()] == ["stats.json"]


def test_figures_that_cannot_be_written_leave_nothing(tmp_path):
    with pytest.raises(OSError):
        Figures().write(tmp_path / "missing" / "stats.json")
    assert list(tmp_path.iterdir()) == []
