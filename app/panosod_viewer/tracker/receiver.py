"""Listens for a head tracker on a UDP port, in one thread, and keeps the newest pose."""

import logging
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from panosod_core.errors import ConfigError
from panosod_viewer.tracker.config import TrackerConfig
from panosod_viewer.tracker.learn import AddressBook, HeardAddress
from panosod_viewer.tracker.mapping import HeadMapper, Outcome
from panosod_viewer.tracker.packet import MAX_DATAGRAM_BYTES, MalformedPacketError, messages
from panosod_viewer.tracker.pose import HeadPose, PoseMailbox

_log = logging.getLogger(__name__)

BATCH = 32
"""Datagrams handled at one wake-up; of a longer queue only the newest count."""
_REST_S = 0.001
_DRAIN_LIMIT = 4096


@dataclass(frozen=True)
class TrackerStatus:
    """What the receiver has seen since it began to listen.

    Attributes:
        host, port: where it listens.
        datagrams: read from the socket.
        poses: messages that gave a pose.
        unknown: messages whose address means nothing to the preset.
        malformed: datagrams that are no OSC, and messages with unusable numbers.
        skipped: datagrams passed over because newer ones had already come.
        last_address: of the newest message, "" before the first.
        last_sender: host of the newest datagram, "" before the first.
    """

    host: str = ""
    port: int = 0
    datagrams: int = 0
    poses: int = 0
    unknown: int = 0
    malformed: int = 0
    skipped: int = 0
    last_address: str = ""
    last_sender: str = ""


class OscReceiver:
    """A head tracker's socket, thread and state. Start, use from any thread, close.

    Args:
        config: where to listen and how to read; ``config.enabled`` is for the application, not looked at here.
        on_pose: called with every pose at once, in the receiver's thread (after a tare in the caller's): for the sound,
            which cannot wait for the next frame. Must be quick and must not raise.
        clock: seconds, monotonic.

    Raises:
        ConfigError: the port cannot be opened.
    """

    def __init__(
        self,
        config: TrackerConfig,
        *,
        on_pose: Callable[[HeadPose], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.mailbox = PoseMailbox()
        self._on_pose = on_pose
        self._clock = clock
        self._lock = threading.Lock()
        self._mapper = HeadMapper(config)
        self._book: AddressBook | None = None
        self._sequence = 0
        self._socket = _open(config)
        host, port = self._socket.getsockname()[:2]
        self._status = TrackerStatus(host=host, port=port)
        self._wake_receive, self._wake_send = socket.socketpair()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="head tracker", daemon=True)
        self._thread.start()

    @property
    def status(self) -> TrackerStatus:
        """A snapshot of the counters."""
        with self._lock:
            return self._status

    def set_mapping(self, config: TrackerConfig) -> None:
        """Follow another preset or other inversions; address and port stay (open another receiver for those)."""
        with self._lock:
            self._mapper.set_config(config)
        self._publish(self._clock())

    def tare(self) -> bool:
        """Call the present pose straight ahead; False where none has come yet."""
        with self._lock:
            done = self._mapper.tare()
        if done:
            self._publish(self._clock())
        return done

    def clear_tare(self) -> None:
        """Trust the tracker's own front again."""
        with self._lock:
            self._mapper.clear_tare()
        self._publish(self._clock())

    def learn(self, listening: bool) -> None:
        """Open a fresh address book, or close it."""
        with self._lock:
            self._book = AddressBook() if listening else None

    def heard(self) -> tuple[HeardAddress, ...]:
        """The addresses met since learning began; empty while it is off."""
        with self._lock:
            return () if self._book is None else self._book.heard()

    def close(self) -> None:
        """Stop listening; returns when the thread has ended and the sockets are closed. Safe to call twice."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._wake_send.send(b"x")
        self._thread.join()
        for each in (self._socket, self._wake_receive, self._wake_send):
            each.close()

    def __enter__(self) -> "OscReceiver":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._wake_receive, selectors.EVENT_READ)
            while not self._closing.is_set():
                selector.select()
                if self._closing.is_set():
                    return
                if self._drain() > BATCH:
                    # Somebody floods the port: leave the processor to picture and sound.
                    self._closing.wait(_REST_S)

    def _drain(self) -> int:
        """Read what waits and handle the newest of it; the number of datagrams read."""
        waiting: deque[tuple[bytes, str]] = deque(maxlen=BATCH)
        count = 0
        while count < _DRAIN_LIMIT:
            try:
                data, sender = self._socket.recvfrom(MAX_DATAGRAM_BYTES + 1)
            except BlockingIOError:
                break
            except OSError as error:
                # Windows reports an earlier reply's "port unreachable" here; the socket itself is well.
                _log.debug("head tracker socket: %s", error)
                break
            waiting.append((data, str(sender[0])))
            count += 1
        received_s = self._clock()
        for data, host in waiting:
            self._handle(data, host, received_s)
        if count > len(waiting):
            self._count(datagrams=count - len(waiting), skipped=count - len(waiting))
        return count

    def _handle(self, data: bytes, host: str, received_s: float) -> None:
        try:
            found = messages(data)
        except MalformedPacketError:
            self._count(datagrams=1, malformed=1)
            return
        self._count(datagrams=1)
        for address, arguments in found:
            with self._lock:
                self._status = replace(self._status, last_address=address[:120], last_sender=host)
                if self._book is not None:
                    self._book.note(address, arguments)
                outcome = self._mapper.feed(address, arguments)
            if outcome is Outcome.POSE:
                self._count(poses=1)
                self._publish(received_s)
            elif outcome is not Outcome.PART:
                self._count(unknown=outcome is Outcome.UNKNOWN, malformed=outcome is Outcome.BAD)

    def _publish(self, received_s: float) -> None:
        with self._lock:
            R = self._mapper.R_world_head
            if R is None:
                return
            self._sequence += 1
            pose = HeadPose(R, received_s, self._sequence)
            self.mailbox.put(pose)
        if self._on_pose is not None:
            self._on_pose(pose)

    def _count(self, **more: int) -> None:
        with self._lock:
            s = self._status
            self._status = replace(s, **{name: getattr(s, name) + n for name, n in more.items()})


def _open(config: TrackerConfig) -> socket.socket:
    where = f"{config.host}:{config.port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            config.host, config.port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST | socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise ConfigError(
            f"head tracker: expected a numeric address such as 127.0.0.1, got {config.host!r} ({error})"
        ) from error
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setblocking(False)
        opened.bind(address)
    except OSError as error:
        opened.close()
        raise ConfigError(
            f"head tracker: cannot listen on UDP {where} ({error.strerror or error}):"
            " close the other program or choose another port"
        ) from error
    return opened
