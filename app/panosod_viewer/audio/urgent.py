"""Asking the system to run a thread before others."""

import contextlib
import os
import sys
import threading

NICE = -11
"""What desktops that allow anything at all allow (the figure PulseAudio takes for itself)."""
BESIDE_IT, CALLBACK = 1, 2
"""Real-time priorities, the lowest there are. All threads that share the callback's interpreter need one: a thread of
ordinary priority that is pushed aside while it holds the lock makes the callback wait, however urgent that is."""


def make_process_urgent() -> bool:
    """Raise the calling thread and all that it starts, a little; True where the system allows it.

    The callback shares the interpreter with the feeder: a feeder that is pushed aside in the middle of its turn makes
    the callback wait for it, however urgent the callback is itself. Call it before any other thread is started.
    """
    if sys.platform == "win32":
        return False
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
        return True
    return False


def make_thread_urgent(level: int = CALLBACK) -> bool:
    """Raise the calling thread, and it alone, as far as the system allows; True where it did.

    A real-time priority where that is allowed (root, or a user with the right), else by nice value. A block is 0.1 to
    0.3 ms of work every 5.3 ms, and the feeder's a few hundredths of a core: nothing else starves.

    Args:
        level: :data:`CALLBACK`, or :data:`BESIDE_IT` for a thread that the callback can come to wait for.
    """
    if sys.platform != "linux":
        # macOS and Windows already run the driver's callback thread in a class of its own.
        return False
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(level))
        return True
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        return True
    return False
