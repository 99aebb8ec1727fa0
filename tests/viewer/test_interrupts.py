"""Signals that ask the viewer to end, and those that do not."""

import os
import signal

import pytest

from panosod_viewer.interrupts import Interrupts

SECONDS = 60_000


@pytest.fixture
def interrupts(qapp):
    watching = Interrupts()
    yield watching
    watching.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_request_to_end_is_told(interrupts, qtbot, number):
    with qtbot.waitSignal(interrupts.asked_to_end, timeout=SECONDS) as told:
        os.kill(os.getpid(), number)
    assert told.args == [number]


def test_a_signal_that_somebody_else_handles_is_no_request_to_end(interrupts, qtbot):
    """A library that watches its children handles SIGCHLD; the audio process may die meanwhile."""
    heard = []
    interrupts.asked_to_end.connect(heard.append)
    before = signal.signal(signal.SIGCHLD, lambda *_: None)
    try:
        os.kill(os.getpid(), signal.SIGCHLD)
        # Told after it: whatever the first was taken for has been said by then.
        with qtbot.waitSignal(interrupts.asked_to_end, timeout=SECONDS):
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert heard == [signal.SIGTERM]


def test_closing_leaves_signals_as_they_were(qapp):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    Interrupts().close()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    assert signal.set_wakeup_fd(-1) == -1
