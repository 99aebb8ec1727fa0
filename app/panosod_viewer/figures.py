"""The playback figures of one run (`--stats`), and the machine they were taken on. No Qt."""

import functools
import json
import os
import platform
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

_IMPORTED_S = time.monotonic()


def process_started_s() -> float:
    """When this process was started, on ``time.monotonic()``; where the system does not tell, when it got here."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        since_boot = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - since_boot
        return time.monotonic() - age_s
    except (OSError, ValueError, IndexError, AttributeError):
        return _IMPORTED_S


@dataclass(frozen=True)
class CpuTimes:
    """The machine's processor time so far, in ticks; 0 of 0 where the system does not tell."""

    total: int = 0
    steal: int = 0

    @classmethod
    def now(cls) -> "CpuTimes":
        """Of all cores together."""
        try:
            ticks = [int(n) for n in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        except (OSError, ValueError):
            return cls()
        return cls(sum(ticks), ticks[7]) if len(ticks) == 8 else cls()

    def steal_percent_since(self, before: "CpuTimes") -> float | None:
        """Share of the time that the hypervisor gave to others."""
        total = self.total - before.total
        return 100.0 * (self.steal - before.steal) / total if total > 0 else None


@functools.cache
def machine() -> dict[str, Any]:
    """What this machine is; do not change it."""
    model = ""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        model = platform.processor()
    return {"system": platform.platform(), "cpu": model, "cores": os.cpu_count(), "python": platform.python_version()}


@dataclass
class Figures:
    """What happened in this run; None where there was nothing to measure.

    Attributes:
        clip: path.
        first_frame_s: from the start of the process until the first picture was on the screen.
        first_map_s: likewise until the first of the model's maps lay over it.
        frame: number of the picture on the screen when they were written.
        shown: pictures handed to the screen while playing.
        dropped: pictures left out while playing.
        played_s: how long it played, wall clock.
        at_s: when these figures were collected, ``time.monotonic()``.
        decode_ms: mean time of the decode thread for one picture.
        cpu_s: processor time of this process, without the audio process.
        underruns, starved: gaps of the device, of the decoder.
        motion_to_sound_ms: estimate of the audio process at the end.
        audio_load: share of a core that the audio callback uses.
        sound: all that the audio process tells (``SoundState``), by name; None without it.
        sound_device: its name.
        gl_renderer: as OpenGL tells.
        picture_px: size of the picture on the screen.
        prediction: of "first" and "second" model: engine, load_s, maps_per_s, made, carried, known, stride, duty,
            cpu_ms (a map), abandon_ms (longest), coverage (share of frames that the model saw); None without.
        render_scale: at the end.
        steal_percent: of the machine during the run.
    """

    clip: str | None = None
    first_frame_s: float | None = None
    first_map_s: float | None = None
    frame: int | None = None
    shown: int = 0
    dropped: int = 0
    played_s: float = 0.0
    at_s: float = field(default_factory=time.monotonic)
    decode_ms: float | None = None
    cpu_s: float = 0.0
    underruns: int | None = None
    starved: int | None = None
    motion_to_sound_ms: float | None = None
    audio_load: float | None = None
    sound: dict[str, float] | None = None
    sound_device: str = ""
    gl_renderer: str = ""
    picture_px: tuple[int, int] | None = None
    prediction: dict[str, Any] | None = None
    render_scale: float = 1.0
    steal_percent: float | None = None
    machine: dict[str, Any] = field(default_factory=machine)

    def write(self, path: Path, *, is_lasting: bool = True) -> None:
        """Write them as JSON, beside and renamed.

        Args:
            path: where.
            is_lasting: wait until they lie on the disk; not for what is soon written again.

        Raises:
            OSError: it cannot be written.
        """
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with beside.open("w", encoding="utf-8") as file:
                json.dump(asdict(self), file, indent=2)
                file.write("\n")
                if is_lasting:
                    file.flush()
                    os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
