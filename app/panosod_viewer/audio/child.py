"""One life of the audio process, as the window holds it: started, fed with commands, listened to, ended."""

import os
import subprocess
import sys
import tempfile
import threading
from collections import deque
from typing import IO

from panosod_viewer.audio.messages import Message, read_message, write_message
from panosod_viewer.audio.shared import SharedBlock


class AudioProcess:
    """One life of the audio process."""

    def __init__(self) -> None:
        """Start it; nothing waits for it."""
        self.shared = SharedBlock.create()
        """Pose in, clock and levels out."""
        # Nothing to read it while all is well; after a crash its last line says why.
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        # -P: nothing in the folder that the person happens to be in may pose as one of our modules.
        command = [sys.executable, "-P", "-m", "panosod_viewer.audio.process", self.shared.handle]
        # One thread for linear algebra: the matrices are small, and the cores are the picture's.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self._popen = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=0,
            pass_fds=() if self.shared.fd is None else (self.shared.fd,),
            env=environment,
        )
        self.shared.close_fd()
        self.pid = self._popen.pid
        self.events: deque[Message] = deque()
        """What it has told, oldest first; taken by whoever asks."""
        self._outgoing: deque[Message] = deque()
        self._wake = threading.Event()
        self._closing = False
        self._threads = [
            threading.Thread(target=self._receive, name="audio-events", daemon=True),
            threading.Thread(target=self._transmit, name="audio-commands", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def dead(self) -> bool:
        """True once it has ended."""
        return self._popen.poll() is not None

    def send(self, message: Message) -> None:
        """Queue a command. A thread writes it, because a pipe can be full and the window must not wait."""
        self._outgoing.append(message)
        self._wake.set()

    def last_words(self) -> str:
        """Why it died, as far as can be known."""
        code = self._popen.poll()
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - 4096))
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        reason = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        return f"{reason}: {lines[-1]}" if lines and code is not None and code > 0 else reason

    def close(self, timeout_s: float) -> None:
        """End it: by asking, after ``timeout_s`` by force. Nothing of it is left."""
        self._closing = True
        self._wake.set()
        try:
            self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        for thread in self._threads:
            thread.join()
        for stream in (self._popen.stdin, self._popen.stdout, self._errors):
            if stream is not None:
                stream.close()
        self.shared.close()

    def _receive(self) -> None:
        assert self._popen.stdout is not None
        try:
            while (message := read_message(self._popen.stdout.fileno())) is not None:
                self.events.append(message)
        except (OSError, ValueError):
            # Cut off in the middle of a message: it died.
            return

    def _transmit(self) -> None:
        assert self._popen.stdin is not None
        fd = self._popen.stdin.fileno()
        try:
            while not (self._closing and not self._outgoing):
                self._wake.wait()
                self._wake.clear()
                while self._outgoing:
                    write_message(fd, self._outgoing.popleft())
        except OSError:
            # It died; `dead` says so to whoever asks.
            pass
        # The end of its input is what ends it.
        self._popen.stdin.close()
