"""The audio process: ``python -m panosod_viewer.audio.process HANDLE``, started by :class:`AudioClient`.

Commands come on standard input, events go out on standard output. It ends by itself when its input ends: when the
window closes it, and when the window dies.
"""

import contextlib
import gc
import logging
import os
import queue
import signal
import sys
import threading

from panosod_viewer.audio.clocks import now_s
from panosod_viewer.audio.messages import Message, read_message, write_message
from panosod_viewer.audio.player import Player
from panosod_viewer.audio.shared import SharedBlock
from panosod_viewer.audio.urgent import BESIDE_IT, make_process_urgent, make_thread_urgent

TICK_S = 0.05
LAST_RESORT_S = 3.0
_LOG = logging.getLogger(__name__)


class _Events:
    """The way back to the window, for all threads."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        # The window may have died between two messages: the end of our input says so too.
        with self._lock, contextlib.suppress(OSError):
            write_message(self._fd, message)


def _take_stdout() -> int:
    """Keep standard output for events alone: what a library prints goes to standard error."""
    fd = os.dup(1)
    os.dup2(2, 1)
    return fd


def _read_commands(commands: "queue.SimpleQueue[Message | None]") -> None:
    """Thread: commands from standard input; None at its end."""
    make_thread_urgent(BESIDE_IT)
    try:
        while (message := read_message(0)) is not None:
            commands.put(message)
    except (OSError, ValueError):
        _LOG.exception("the window's commands cannot be read")
    commands.put(None)


def main() -> int:
    """Run until the window closes or dies."""
    # Ctrl+C in a terminal goes to the whole group: the window decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=logging.WARNING, format="audio process: %(message)s")
    make_process_urgent()
    make_thread_urgent(BESIDE_IT)
    events = _Events(_take_stdout())
    # The callback must get the interpreter quickly, and must never be the one to collect garbage.
    sys.setswitchinterval(0.0005)
    gc.disable()
    gc.collect()
    gc.freeze()
    shared = SharedBlock.attach(sys.argv[1])
    player = Player(shared, events.send)
    commands: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
    threading.Thread(target=_read_commands, args=(commands,), name="commands", daemon=True).start()
    events.send(Message("ready", {"pid": os.getpid()}))
    try:
        _serve(player, commands)
    except Exception:  # a worker's boundary: whoever started it reads the log, and it goes on being raised
        _LOG.exception("the audio process fails")
        raise
    finally:
        # A driver that never lets go must not keep the process: the system takes everything back from a dead one.
        last_resort = threading.Timer(LAST_RESORT_S, os._exit, (1,))
        last_resort.daemon = True
        last_resort.start()
        player.close()
        last_resort.cancel()
        shared.close()
    return 0


def _serve(player: Player, commands: "queue.SimpleQueue[Message | None]") -> None:
    tick_s = now_s()
    while True:
        with contextlib.suppress(queue.Empty):
            message = commands.get(timeout=max(0.0, tick_s - now_s()))
            if message is None:
                return
            player.handle(message)
        if now_s() >= tick_s:
            player.tick()
            tick_s = now_s() + TICK_S


if __name__ == "__main__":
    sys.exit(main())
