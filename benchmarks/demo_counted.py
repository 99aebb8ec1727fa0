"""Every frame of the demo clip, counted on the files of ``panosod predict`` against the truth beside the clip.

    python benchmarks/demo_counted.py [--clip demo.mp4] [--model M.safetensors] [--strides 1 6]

For each stride the clip is predicted anew into an empty folder and an empty cache, then all of its pictures are read.
On target: the mask (probability >= 0.5) covers at least half of the ball that sounds and at most a tenth of any of its
look-alikes. Frames in which nothing sounds have no right answer; what the masks do there is told beside.
"""

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import cv2
import numpy as np

from panosod_core.geometry.sphere import pixel_solid_angles
from panosod_core.inference.judging_clip import on_target, sounding_truth
from panosod_core.synth.truth import DemoTruth, load_truth

REPO = Path(__file__).resolve().parent.parent


def predict(clip: Path, folder: Path, *, stride: int, model: Path | None) -> Path:
    """The command itself; the folder of its saliency pictures."""
    command = [sys.executable, "-m", "panosod_core.cli.main", "predict", str(clip), "--stride", str(stride)]
    command += ["--cache", str(folder / "cache"), "--out", str(folder / "out"), "--device", "cpu", "--jobs", "1"]
    command += [] if model is None else ["--model", str(model)]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return folder / "out" / clip.stem / "saliency"


def count(pictures: Path, truth: DemoTruth) -> tuple[Counter[str], list[float]]:
    """Verdicts of all frames, and the share of the sphere that is salient in those where nothing sounds."""
    verdicts: Counter[str] = Counter()
    silent = []
    for index in range(truth.header.frame_count):
        grey = cv2.imread(str(pictures / f"{index:05d}.png"), cv2.IMREAD_UNCHANGED)
        if grey is None:
            verdicts["no map"] += 1
            continue
        who = sounding_truth(truth, index)
        if who is None:
            height, width = grey.shape
            weights = pixel_solid_angles(width, height) / (4 * np.pi)
            silent.append(float(weights @ np.count_nonzero(grey >= 128, axis=1)))
            verdicts["nothing sounds"] += 1
            continue
        verdicts["on target" if on_target(np.asarray(grey / 255, np.float32), who) else "off target"] += 1
    return verdicts, silent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, default=REPO / ".build" / "demo" / "demo.mp4")
    parser.add_argument("--model", type=Path, help="default: the one in use")
    parser.add_argument("--strides", type=int, nargs="+", default=[1, 6])
    args = parser.parse_args()
    truth = load_truth(args.clip)
    print("| stride | frames | something sounds | on target | share | salient where nothing sounds, % of the sphere |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for stride in args.strides:
        with tempfile.TemporaryDirectory() as folder:
            found, silent = count(predict(args.clip, Path(folder), stride=stride, model=args.model), truth)
        judged = found["on target"] + found["off target"] + found["no map"]
        share = 100 * found["on target"] / judged
        nothing = 100 * float(np.mean(silent)) if silent else float("nan")
        row = (stride, truth.header.frame_count, judged, found["on target"], f"{share:.1f} %", f"{nothing:.2f}")
        print(f"| {' | '.join(str(value) for value in row)} |", flush=True)


if __name__ == "__main__":
    main()
