"""What the window does not need to open is not loaded before it is wanted."""

import subprocess
import sys


def test_the_window_opens_without_the_time_lines_libraries():
    program = "import sys, panosod_viewer.application; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, timeout=60, check=True)
    loaded = set(done.stdout.split())
    assert "panosod_viewer.timeline_link" in loaded
    assert not loaded & {"pyqtgraph", "panosod_viewer.panels.timeline", "panosod_core.inference.tracks"}
    assert not any(name.startswith(("pyqtgraph.", "torch.")) or name == "torch" for name in loaded)


def test_what_was_loaded_for_the_window_is_not_searched_for_garbage_while_a_clip_plays():
    program = (
        "import gc, panosod_viewer.__main__ as m, panosod_viewer.application as a; m.check_display = lambda: None; "
        "a.run = lambda *_, **__: print(gc.get_freeze_count(), len(gc.get_objects())) or 0; m.main([])"
    )
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, timeout=60, check=True)
    spared, searched = (int(count) for count in done.stdout.split())
    assert spared > 10 * searched


def test_what_walks_through_the_loaded_modules_is_loaded_before_any_thread():
    program = (
        "import sys, panosod_viewer.__main__ as m, panosod_viewer.workers.opening as o; "
        "m.check_display = lambda: None; "
        "o.ClipOpener.for_command_line = lambda *_, **__: sys.exit(0 if 'shiboken6' in sys.modules else 'too late'); "
        "m.main(['a.mp4'])"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
