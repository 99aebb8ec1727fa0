"""The predictor process: ``python -m panosod_core.inference.serve``, started by a window that shows a clip.

Requests come on standard input, events go out on standard output, one JSON object a line
(:mod:`panosod_core.inference.messages`); maps go into the prediction cache. It yields to whatever else runs (nice 10),
and ends by itself when its input ends: when the window closes it, and when the window dies.
"""

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from panosod_core.errors import CacheError, CheckpointError, ConfigError, PanosodError, PredictionError
from panosod_core.inference.background_export import BackgroundExport
from panosod_core.inference.cache import PredictionCache
from panosod_core.inference.clip_work import ClipWork
from panosod_core.inference.duty import Duty
from panosod_core.inference.engine import open_engine
from panosod_core.inference.engine_protocol import Engine
from panosod_core.inference.library import find_model, model_in_use
from panosod_core.inference.messages import (
    Broken,
    ClipRefused,
    CloseClip,
    Event,
    Loaded,
    Loading,
    MoveTo,
    OpenClip,
    Progress,
    Remake,
    Request,
    SetStride,
    Setup,
    decode,
    encode,
)
from panosod_core.inference.pace import Pace
from panosod_core.inference.shortage import is_shortage
from panosod_core.inference.windows import Abandoned

NICE = 10
LAST_RESORT_S = 1.0
"""A step of the network that takes longer than this does not keep the process after its input has ended."""
PROGRESS_S = 1.0
EXIT_BROKEN = 3
NO_MEMORY = "the machine's memory is not enough for this model: close what else uses it and retry"
_LOG = logging.getLogger(__name__)


class Inbox:
    """Requests, in order, with the time at which each came; filled by a thread, emptied by the one that works."""

    def __init__(self) -> None:
        self._letters: deque[tuple[Request, float]] = deque()
        self._wake = threading.Condition()
        self._ended = False

    def put(self, request: Request, *, came_s: float) -> None:
        """Take a request in."""
        with self._wake:
            self._letters.append((request, came_s))
            self._wake.notify()

    def end(self) -> None:
        """No more will come."""
        with self._wake:
            self._ended = True
            self._wake.notify()

    @property
    def ended(self) -> bool:
        """Whether the other side has gone; what it asked for last is of no use to anyone."""
        return self._ended

    def take(self, *, wait_s: float | None = 0.0) -> tuple[Request, float] | None:
        """The oldest request; None where none comes within ``wait_s`` (None: however long) or at the end."""
        with self._wake:
            self._wake.wait_for(lambda: self._letters or self._ended, wait_s)
            return self._letters.popleft() if self._letters and not self._ended else None


class Predictor:
    """Does what the window asks, a frame at a time."""

    def __init__(self, setup: Setup, engine: Engine, inbox: Inbox, send: Callable[[Event], None]) -> None:
        """Nothing is open.

        Args:
            setup: the first request.
            engine: loaded.
            inbox: where the others come.
            send: tells the window.
        """
        self._engine, self._inbox, self._send = engine, inbox, send
        self._stride = setup.stride
        self._cache = PredictionCache(Path(setup.cache) if setup.cache else None)
        self._work: ClipWork | None = None
        self._wanted: OpenClip | None = None
        self._where: tuple[MoveTo, float] | None = None
        self._duty = Duty()
        self._pace = Pace()
        self._map_s: float | None = None
        self._jumped_s: float | None = None
        self._closed = -1
        self._told_s = 0.0
        self._was_idle = False

    def run(self) -> None:
        """Work until the window goes.

        Raises:
            PredictionError: the network, or the cache, fails for good.
        """
        try:
            while not self._inbox.ended:
                self._catch_up()
                if self._wanted is not None:
                    self._open(self._wanted)
                    continue  # the clip may have played on for as long as that took
                self._jumped_s = None
                index = self._work.schedule.next(time.monotonic()) if self._work is not None else None
                self._progress(idle=index is None)
                if index is None or self._work is None:
                    self._hear(self._inbox.take(wait_s=None))
                    self._pace.interrupted()
                else:
                    self._make(self._work, index)
        finally:
            if self._work is not None:
                self._work.close()

    # --- what is asked ---

    def _catch_up(self) -> None:
        """Hear what has come meanwhile."""
        while (letter := self._inbox.take()) is not None:
            self._hear(letter)

    def _interrupted(self) -> bool:
        """Hear what has come meanwhile; True where the present work is to be abandoned for it."""
        self._catch_up()
        if self._inbox.ended or self._wanted is not None or self._jumped_s is not None:
            return True
        return self._work is None

    def _hear(self, letter: tuple[Request, float] | None) -> None:
        if letter is None:
            return
        request, came_s = letter
        if isinstance(request, OpenClip):
            self._wanted, self._where = request, None
            self._jumped_s = came_s
        elif isinstance(request, CloseClip):
            self._close(request.generation)
        elif isinstance(request, MoveTo):
            self._move(request, came_s)
        elif isinstance(request, Remake):
            if self._work is not None and request.generation == self._work.generation:
                self._work.remake(request.index)
        elif isinstance(request, SetStride):
            self._stride = request.stride
            if self._work is not None:
                self._work.schedule.set_stride(request.stride)

    def _move(self, where: MoveTo, came_s: float) -> None:
        self._duty.report(late=where.late, is_playing=where.is_playing, now_s=came_s)
        self._where = where, came_s
        work = self._work if self._wanted is None else None
        if work is not None and where.generation == work.generation and work.move(where, now_s=came_s):
            self._jumped_s = came_s

    def _close(self, generation: int) -> None:
        self._closed = max(self._closed, generation)
        if self._wanted is not None and self._wanted.generation <= generation:
            self._wanted = None
        if self._work is not None and self._work.generation <= generation:
            self._work.close()
            self._work = None

    # --- work ---

    def _open(self, request: OpenClip) -> None:
        self._wanted = None
        if self._work is not None:
            self._map_s = self._work.schedule.map_s or self._map_s
            self._work.close()
            self._work = None
        try:
            self._work = ClipWork(
                request,
                self._engine,
                self._cache,
                stride=self._stride,
                map_s=self._map_s,
                should_stop=lambda: self._is_unwanted(request),
            )
        except Abandoned:
            return
        except CacheError:
            raise  # it would fail for every clip
        except PanosodError as error:
            self._send(ClipRefused(request.generation, str(error)))
            return
        self._pace = Pace()
        self._was_idle = False
        self._send(self._work.ready)
        where = self._where
        if where is not None and where[0].generation == request.generation:
            self._work.move(where[0], now_s=where[1])

    def _is_unwanted(self, request: OpenClip) -> bool:
        """Hear what has come while a clip is being opened; True where it is no longer wanted."""
        self._catch_up()
        return self._inbox.ended or self._wanted is not None or self._closed >= request.generation

    def _make(self, work: ClipWork, index: int) -> None:
        began_s = time.monotonic()
        try:
            made = work.make(index, should_stop=self._interrupted)
        except Abandoned:
            self._pace.interrupted()
            return
        except PredictionError:
            raise
        except PanosodError as error:
            self._send(ClipRefused(work.generation, str(error)))
            self._close(work.generation)
            return
        finally:
            if self._jumped_s is not None:
                # Something else had become more urgent: how long this held it up.
                self._pace.abandoned(time.monotonic() - self._jumped_s)
        if self._work is not work:
            return
        for each in made:
            self._send(each)
        rest_s = self._duty.rest_s(time.monotonic() - began_s)
        if rest_s > 0:
            self._rest(rest_s)
        took_s, effort = self._pace.made(time.monotonic(), since_s=began_s), work.effort
        work.schedule.finish(
            index,
            took_s=took_s,
            is_lone=effort.is_lone,
            carried=effort.carried,
            carrying_s=effort.carrying_share * took_s,
        )

    def _rest(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0 and not self._inbox.ended:
            self._hear(self._inbox.take(wait_s=left_s))
            if self._jumped_s is not None or self._wanted is not None or self._work is None:
                return

    def _progress(self, *, idle: bool) -> None:
        work, now_s = self._work, time.monotonic()
        if work is None or not work.schedule.is_placed:
            return  # it waits to be told where the clip stands: that is no rest after work
        has_come_to_rest = idle and not self._was_idle
        self._was_idle = idle
        if now_s - self._told_s < PROGRESS_S and not has_come_to_rest:
            return
        self._told_s = now_s
        figures = work.figures
        self._send(
            Progress(
                generation=work.generation,
                maps_per_s=0.0 if idle else round(self._pace.rate_hz(now_s), 2),
                made=figures.made,
                carried=figures.carried,
                stride=work.schedule.stride,
                duty=round(self._duty.share, 3),
                cpu_ms=round(1000 * figures.cpu_s / max(1, figures.made), 2),
                abandon_ms=round(1000 * self._pace.abandon_s, 1),
                is_idle=idle,
            )
        )


# --- life ---


def main() -> int:
    """Run until the window closes or dies.

    Returns:
        The exit code: 0, or 3 where the model cannot be used.
    """
    began_s = time.monotonic()
    # Ctrl+C in a terminal goes to the whole group: the window decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=logging.WARNING, format="predictor: %(message)s")
    with contextlib.suppress(AttributeError, OSError):
        os.nice(NICE)
    send = _sender(_take_stdout())
    inbox, export = Inbox(), BackgroundExport()
    threading.Thread(target=_read_requests, args=(inbox, export), name="requests", daemon=True).start()
    first = inbox.take(wait_s=None)
    if first is None:
        return 0
    if not isinstance(first[0], Setup):
        raise ValueError(f"expected the setup first, got {first[0]}")
    return _serve(first[0], inbox, send, export=export, began_s=began_s)


def _serve(
    setup: Setup, inbox: Inbox, send: Callable[[Event], None], *, export: BackgroundExport, began_s: float
) -> int:
    """Load the model and work with it; every end that is not asked for is told in one line."""
    try:
        engine = _load(setup, send, began_s=began_s)
        if setup.exports:
            export.begin(engine, _model_of(setup), on_end=send)
        Predictor(setup, engine, inbox, send).run()
    except (CheckpointError, ConfigError) as error:
        send(Broken("load", str(error)))
        return EXIT_BROKEN
    except PredictionError as error:
        send(Broken(_reason(error), str(error)))
        return EXIT_BROKEN
    except Exception as error:
        if not is_shortage(error):
            raise  # a mistake of ours: the traceback is in the log, and the window tells its last line
        _LOG.exception("out of memory")
        send(Broken("memory", NO_MEMORY))
        return EXIT_BROKEN
    finally:
        export.close()
    return 0


def _reason(error: PredictionError) -> str:
    if isinstance(error, CacheError):
        return "cache"
    return "memory" if is_shortage(error) else "work"


def _model_of(setup: Setup) -> Path:
    return find_model(setup.model) if setup.model else model_in_use()


def _load(setup: Setup, send: Callable[[Event], None], *, began_s: float) -> Engine:
    send(Loading(setup.model or str(model_in_use()), os.getpid()))
    model = _model_of(setup)
    engine = open_engine(model, device=setup.device, threads=setup.threads or None)
    config = engine.config
    took_s = round(time.monotonic() - began_s, 3)
    send(Loaded(str(model), engine.model_id, engine.description, config.height_px, config.width_px, took_s))
    return engine


def _take_stdout() -> int:
    """Keep standard output for events alone: what a library prints goes to standard error."""
    fd = os.dup(1)
    os.dup2(2, 1)
    return fd


def _sender(fd: int) -> Callable[[Event], None]:
    lock = threading.Lock()

    def send(event: Event) -> None:
        rest = memoryview(encode(event))
        # The window may have died between two messages: the end of our input says so too.
        with lock, contextlib.suppress(OSError):
            while rest:
                rest = rest[os.write(fd, rest) :]

    return send


def _read_requests(inbox: Inbox, export: BackgroundExport) -> None:
    """Thread: requests from standard input; at its end the process ends, whatever it is doing."""
    try:
        with os.fdopen(os.dup(0), "rb") as lines:
            for line in lines:
                inbox.put(decode(line), came_s=time.monotonic())
    except (OSError, ValueError):
        _LOG.exception("the window's requests cannot be read")
    inbox.end()
    export.end()
    time.sleep(LAST_RESORT_S)
    os._exit(0)


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    # Not sys.exit: the network's libraries take half a second to put away what the system takes back anyway.
    os._exit(code)
