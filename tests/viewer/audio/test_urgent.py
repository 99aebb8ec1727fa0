"""Priorities: the callback before those that it may wait for, and both before everyone else where that is allowed."""

import os
import sys
import threading

import pytest

from panosod_viewer.audio.urgent import BESIDE_IT, CALLBACK, NICE, make_thread_urgent


def in_a_thread(level):
    """What a thread of its own was given: (granted, policy, priority, nice)."""
    found = []

    def ask():
        granted = make_thread_urgent(level)
        policy = os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK
        nice = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        found.append((granted, policy, os.sched_getparam(0).sched_priority, nice))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.skipif(sys.platform != "linux", reason="the other systems' drivers do it themselves")
@pytest.mark.parametrize("level", [BESIDE_IT, CALLBACK])
def test_a_thread_gets_what_is_allowed_and_no_other_does(level):
    before = os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)
    granted, policy, priority, nice = in_a_thread(level)
    if policy == os.SCHED_FIFO:
        assert granted and priority == level
    else:
        assert granted == (nice == NICE)
    assert (os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)) == before


def test_the_callback_comes_first():
    assert CALLBACK > BESIDE_IT
