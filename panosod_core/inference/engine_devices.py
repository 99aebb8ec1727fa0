"""Which accelerator this machine has, told without torch as far as that goes: importing it takes seconds."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_GPU_NODES = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
"""Of NVIDIA's driver, of Windows' inside Linux, of AMD's."""


def may_have_gpu() -> bool:
    """False where torch surely finds no accelerator: it is missing, built for CPUs, or there is no driver."""
    try:
        build = version("torch")
    except PackageNotFoundError:
        return False
    if build.endswith("+cpu"):
        return False
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    if sys.platform == "win32":
        return True  # only torch can tell
    return any(Path(node).exists() for node in _GPU_NODES)
