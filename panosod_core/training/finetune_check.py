"""Whether this machine has the room for a job, before it starts: numbers, and what to do about them. No torch here."""

import os
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from panosod_core.errors import TrainingError
from panosod_core.media.probe import probe
from panosod_core.model.config import Backbone, ModelConfig

_STATE_COPIES = 4
"""Weights, their running mean, two moments of Adam: in memory, and in the state on disk."""
_FILES = 7
"""Times the weights on disk: state (and its next version while it is written), best, last, incumbent, candidate."""
_BYTES_PER_PIXEL = {Backbone.RESNET18: 2200, Backbone.RESNET34: 2800, Backbone.RESNET50: 6500}
"""Activations kept for the way back, a pixel of a window at full width and stride 32: a rule of thumb, on the safe side
of what published networks of this kind keep; not measured on every size."""
_BASE_BYTES = 700 << 20
"""Python, torch and the readers."""
_SPARE_DISK = 256 << 20
_LEFT_BYTES = 512 << 20
"""Memory that a job leaves to others."""


@dataclass(frozen=True)
class Needs:
    """What a job will take at most, in bytes, by estimate.

    Attributes:
        disk: of the job's folder.
        memory: of each process, where the network is: the machine's or its GPU's.
        host: of the machine's memory, of each process whose network is on a GPU.
    """

    disk: int
    memory: int
    host: int


def needs(config: ModelConfig, *, weights: int, frames: int, copies: int, batch: int) -> Needs:
    """Estimate a job.

    Args:
        config: of the network.
        weights: size of the model's file, bytes.
        frames: corrected frames.
        copies: data sets that are written of them (one, or one a fold).
        batch: windows at a time.
    """
    pixels = config.width_px * config.height_px
    pictures = frames * (3 * config.window + 1) * pixels
    sharper = (32 / config.output_stride) ** 2
    per_window = _BYTES_PER_PIXEL[config.backbone] * config.backbone_width * sharper * pixels * config.window
    return Needs(
        disk=copies * pictures + (_FILES + 3 * (copies - 1)) * _whole(weights) + _SPARE_DISK,
        memory=int(_BASE_BYTES + (_STATE_COPIES + 1) * _whole(weights) + batch * per_window),
        host=_BASE_BYTES + 2 * _whole(weights),
    )


def _whole(weights: int) -> int:
    """Files may hold 16 bits a number; training takes 32."""
    return 2 * weights


def check_room(folder: Path, wanted: Needs, *, gpus: Mapping[int, int] | None = None, processes: int = 1) -> None:
    """Stop where disk, memory, processors or GPUs will not do.

    Args:
        folder: where the job's files go.
        wanted: by the job.
        gpus: bytes that are free on each that may be taken; None: the network is in the machine's memory.
        processes: of the job, each with a GPU or a processor of its own.

    Raises:
        TrainingError: with what is needed and what is there.
    """
    free = shutil.disk_usage(folder).free
    if free < wanted.disk:
        raise TrainingError(
            f"{folder}: expected {_gb(wanted.disk)} of free disk for the job, there are {_gb(free)}: make room, or "
            "choose a folder on another disk"
        )
    units, there = ("processors", os.cpu_count() or 1) if gpus is None else ("GPUs", len(gpus))
    if processes > there:
        raise TrainingError(
            f"expected {processes} {units} for {processes} processes, this machine has {there}: take fewer --processes"
        )
    for number, left in sorted((gpus or {}).items())[:processes]:
        if left < wanted.memory:
            raise TrainingError(
                f"expected {_gb(wanted.memory)} of free memory on GPU {number} for the job, there are {_gb(left)}: "
                "close what uses it, or take a smaller --batch"
            )
    needed, memory = processes * (wanted.memory if gpus is None else wanted.host), free_memory()
    if memory is not None and memory < needed:
        several = f" ({processes} processes)" if processes > 1 else ""
        fewer = ", or fewer --processes" if processes > 1 else ""
        raise TrainingError(
            f"expected {_gb(needed)} of free memory for the job{several}, there are {_gb(memory)}: close other "
            f"programs, or take a smaller --batch{fewer}"
        )


def check_sound(clips: Mapping[str, tuple[Path, int]]) -> None:
    """Stop where the sound of a clip has no directions: the network hears them.

    Args:
        clips: by name, its file and how many of its frames are corrected.

    Raises:
        MediaError: a file cannot be read.
        TrainingError: with which clips have none, and how many frames.
    """
    found = {name: probe(path).audio for name, (path, _) in clips.items()}
    deaf = {name: sound for name, sound in found.items() if sound is None or not sound.order}
    if deaf:
        frames, total = sum(clips[name][1] for name in deaf), sum(count for _, count in clips.values())
        named = ", ".join(
            f"{name} ({'no sound' if sound is None else f'{sound.channels} channels'})" for name, sound in deaf.items()
        )
        raise TrainingError(
            f"expected ambisonic sound in all {len(clips)} clips with corrected frames, {len(deaf)} have none "
            f"({frames} of {total} frames): {named}; learn from a project without them"
        )


def free_memory() -> int | None:
    """Bytes that programs may still take; None where the system does not say."""
    if sys.platform.startswith("linux"):
        limit = _group_limit()
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                available = int(line.split()[1]) * 1024
                return available if limit is None else min(available, limit)
        return None
    names = os.sysconf_names if hasattr(os, "sysconf_names") else {}
    if "SC_AVPHYS_PAGES" in names:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def give_way() -> None:
    """Where memory runs out, this process ends, and no window or other program.

    On Linux it takes no more than is free when it begins, and is the first that the system would end. Where a GPU is
    used only the latter: its driver reserves addresses far beyond what it takes.
    """
    if not sys.platform.startswith("linux"):
        return
    import resource

    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    free = free_memory()
    if free is None or Path("/dev/nvidiactl").exists() or Path("/dev/kfd").exists():
        return
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    used = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData:"))
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    most = used + free - min(_LEFT_BYTES, free // 4)
    resource.setrlimit(resource.RLIMIT_DATA, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _group_limit() -> int | None:
    """What the control group of this container leaves; None without a limit."""
    try:
        most = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text(encoding="ascii"))
        stat = Path("/sys/fs/cgroup/memory.stat").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return None
    if not most.isdecimal():
        return None
    # File pages count as used, but are given back when asked for.
    inactive = next((int(line.split()[1]) for line in stat if line.startswith("inactive_file ")), 0)
    return max(int(most) - used + inactive, 0)


def _gb(size: int) -> str:
    return f"{size / 1e9:.2f} GB"
