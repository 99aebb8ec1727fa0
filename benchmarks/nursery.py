"""Where the jobs of ``kill_jobs.py`` are born: forked from a process that has loaded everything, so that each is cheap.

Each is a process of its own all the same, in a session of its own, with its output in the job's log.
"""

import contextlib
import ctypes
import importlib
import os
import signal
import socket
import sys
from pathlib import Path

from PIL import Image

from panosod_core.training import finetune_process
from panosod_core.training.jobs.folder import JobFolder
from panosod_core.training.jobs.process_mark import ProcessMark

_SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER: descendants whose parent dies become ours, so that none is lost sight of."""
_DIES_WITH_PARENT = 1
BORN = "born"
"""Told among a job's events for each process that is forked for it: the benchmark counts deaths by itself."""
_CLIENT = """
import json, os, socket, sys, time
address, folder, starter = sys.argv[1:]
def named():
    try:
        return json.load(open(folder + "/process.json"))["pid"]
    except OSError:
        return 0
while named() != os.getpid() and os.getppid() == int(starter):
    time.sleep(0.005)
s = socket.socket(socket.AF_UNIX)
s.connect(address)
s.sendall(folder.encode() + b"\\n")
s.recv(1)
"""
"""Knocks once it has been named as the job's process, else whoever started it could write its name over the job's own.
One whose starter was killed before that knocks at once."""


class Nursery:
    """A process that has loaded everything and forks a job's process when it is asked to."""

    def __init__(self, folder: Path) -> None:
        self.address = str(folder / "nursery")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.address)
        listener.listen()
        self.pid = os.fork()
        if not self.pid:
            with contextlib.suppress(KeyboardInterrupt):
                _serve(listener)
            os._exit(0)
        listener.close()

    def command(self, folder: Path) -> tuple[str, ...]:
        """What the queue runs in place of the job's own program: the same program, forked."""
        return (sys.executable, "-S", "-E", "-c", _CLIENT, self.address, str(folder), str(os.getpid()))

    def living(self) -> set[int]:
        """All that descends from it and lives."""
        return descendants(self.pid)

    def close(self) -> None:
        for pid in self.living():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def _serve(listener: socket.socket) -> None:
    prctl = ctypes.CDLL(None).prctl
    prctl(_SUBREAPER, 1, 0, 0, 0)
    prctl(_DIES_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
    importlib.import_module("torch._dynamo")  # what an optimiser and the readers of pictures load when they are first
    Image.init()  # used: seconds, which are not what is killed here
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system buries them
    while True:
        caller, _ = listener.accept()
        folder = Path(caller.makefile().readline().strip())
        if os.fork():
            caller.close()
            continue
        listener.close()
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log = os.open(folder / "log.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        for number in (1, 2):
            os.dup2(log, number)
        mark = ProcessMark.of(os.getpid())
        assert mark is not None
        JobFolder(folder).tell(BORN, pid=mark.pid)
        JobFolder(folder).mark(mark)  # as the queue does it: until then the caller stands in for it
        caller.sendall(b"\n")
        caller.close()
        code = 70
        try:
            code = finetune_process.main([str(folder)])
        finally:
            sys.stdout.flush()
            os._exit(code)


def descendants(root: int) -> set[int]:
    """Living processes that come from one, without it."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                if state not in "ZX":
                    parents[int(entry.name)] = int(parent)
    found: set[int] = set()
    fresh = {root}
    while fresh:
        fresh = {pid for pid, parent in parents.items() if parent in fresh} - found
        found |= fresh
    return found


def callers(address: str) -> list[int]:
    """Processes that wait at the nursery's door."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes()
                if address.encode() in words and (entry / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX":
                    found.append(int(entry.name))
    return found
