"""A process that probes and opens the files named on its standard input, one answer a line.

Run apart from the tests, so that a crash, a hang or a greedy file is seen as such. An answer is a JSON object:
``outcome`` ("clip" or "refused"), ``text``, ``opened``, ``cpu_s`` and ``peak_bytes``. Any error but MediaError ends the
process with a traceback: that is a fault of ours.
"""

import json
import resource
import sys
import time
from pathlib import Path

from panosod_core.errors import MediaError
from panosod_core.media.audio import AudioReader
from panosod_core.media.clock import clip_origin_s
from panosod_core.media.info import ClipInfo
from panosod_core.media.probe import probe
from panosod_core.media.video import VideoReader

PEAK_UNIT = 1 if sys.platform == "darwin" else 1024


def open_clip(path: Path, info: ClipInfo) -> str:
    """Read a few frames and half a second of sound; what could not be read is told in words."""
    words = []
    try:
        if info.video is not None:
            with VideoReader(path, info.video, clock_origin_s=clip_origin_s(info)) as reader:
                frames = [reader.read() for _ in range(3)]
                words.append(f"{sum(f is not None for f in frames)} frames")
    except MediaError as error:
        words.append(str(error))
    try:
        if info.audio is not None:
            with AudioReader(path, info.audio) as sound:
                words.append(f"{sound.read(24000).shape[1]} samples")
    except MediaError as error:
        words.append(str(error))
    return "; ".join(words)


def main() -> None:
    """Answer until the input ends."""
    for line in sys.stdin:
        request = json.loads(line)
        path = Path(request["path"])
        started = time.process_time()
        answer = {"outcome": "clip", "text": "", "opened": ""}
        try:
            info = probe(path)
        except MediaError as error:
            answer["outcome"], answer["text"] = "refused", str(error)
        else:
            if request["open"]:
                answer["opened"] = open_clip(path, info)
        answer["cpu_s"] = time.process_time() - started
        answer["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
