"""The window's side of the predictor process: letters, crashes, and an end that leaves nothing."""

import os
import signal
import sys

import pytest

from panosod_core.inference.messages import Broken, CloseClip, Loading, Setup
from panosod_viewer.workers.predicting import PredictorClient, PredictorDied


def script(text: str) -> tuple[str, ...]:
    return (sys.executable, "-c", f"import sys, os, time\nsys.stdin.readline()\n{text}")


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_a_process_that_is_killed_is_told_with_its_signal(mail):
    # A pipe for a model holds it where it has said that it loads.
    client = PredictorClient(
        Setup(),
        mail.post,
        command=script('print(\'{"kind": "Loading", "model": "m", "pid": 1}\', flush=True); time.sleep(60)'),
    )
    assert mail.next() == Loading("m", 1)
    os.kill(client.pid, signal.SIGKILL)
    assert mail.next() == PredictorDied("signal 9, as when the system's memory runs out")
    client.send(CloseClip(1))  # to nobody
    client.close()
    assert is_gone(client.pid)


def test_a_process_that_ends_by_itself_is_told_with_its_code_and_its_last_line(mail):
    client = PredictorClient(
        Setup(), mail.post, command=script("sys.stderr.write('first\\nlibfoo is missing\\n'); sys.exit(7)")
    )
    assert mail.next() == PredictorDied("exit code 7: libfoo is missing")
    client.close()


def test_the_predictor_itself_says_why_and_nothing_is_added(mail, tmp_path):
    client = PredictorClient(Setup(model=str(tmp_path / "none.safetensors"), device="cpu"), mail.post)
    assert isinstance(mail.next(), Loading)
    broken = mail.next()
    assert isinstance(broken, Broken)
    assert broken.reason == "load"
    assert "none.safetensors" in broken.text
    client.close()
    assert mail._queue.empty()
    assert not client.is_alive


def test_what_is_no_event_is_passed_over(mail):
    lines = 'noise\\n{\\"kind\\": \\"Loading\\", \\"model\\": \\"m\\", \\"pid\\": 2}\\n'
    client = PredictorClient(
        Setup(), mail.post, command=script(f'sys.stdout.write("{lines}"); sys.stdout.flush(); sys.stdin.read()')
    )
    assert mail.next() == Loading("m", 2)
    client.close()
    assert mail._queue.empty()


def test_one_that_does_not_listen_is_ended_by_force(mail):
    client = PredictorClient(Setup(), mail.post, command=(sys.executable, "-c", "import time; time.sleep(600)"))
    client.close(timeout_s=0.05)
    assert is_gone(client.pid)
    assert mail._queue.empty()
