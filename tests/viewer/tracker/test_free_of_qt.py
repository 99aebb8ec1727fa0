"""The tracker and the settings run without Qt: in a command line, in a test, in another process."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["tracker.receiver", "tracker.presets", "settings_store"])
def test_importing_it_loads_no_qt(module):
    code = (
        f"import sys, panosod_viewer.{module}\nprint([m for m in sys.modules if m.startswith(('PySide', 'shiboken'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
