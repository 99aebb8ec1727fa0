"""A painter killed at random moments, a few times; ``benchmarks/kill.py`` does it a thousand times."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "benchmarks" / "kill.py"


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL here")
def test_nothing_acknowledged_is_lost_by_kills() -> None:
    command = [
        sys.executable,
        str(SCRIPT),
        "--kills",
        "12",
        "--control",
        "0",
        "--size",
        "128x64",
        "--seed",
        "7",
        "--json",
    ]
    result = subprocess.run(command, capture_output=True, text=True, timeout=150)
    assert result.returncode == 0, result.stderr
    totals = json.loads(result.stdout)
    assert totals["kills"] == 12
    assert totals["acknowledged"] > 0
    assert (totals["lost"], totals["damaged"]) == (0, 0)
    assert totals["reads"] > 12 and totals["reads_wrong"] == 0
