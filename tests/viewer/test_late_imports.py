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
