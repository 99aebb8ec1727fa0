"""Every frame of the demo clip, counted on the files of ``panosod predict`` against the truth beside the clip.

    python benchmarks/demo_counted.py [--clip demo.mp4] [--model M.safetensors] [--strides 1 6] [--mirrored]

For each stride the clip is predicted anew into an empty folder and an empty cache, then all of its pictures are read.
On target: the mask (probability >= 0.5) covers at least half of the ball that sounds and at most a tenth of any of its
look-alikes. Frames in which nothing sounds have no right answer; what the masks do there is told beside.

``--mirrored``: of a copy of the clip with the same pictures, in whose sound left and right have changed places (Y has
the other sign). What is to be found is then the other twin; turns of those that have no mirror image are left out.
"""

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import av
import cv2
import numpy as np

from panosod_core.geometry.picture import PictureGeometry
from panosod_core.geometry.sphere import pixel_solid_angles
from panosod_core.inference.judging_clip import on_target, sounding_truth
from panosod_core.media.inject import AmbisonicSound, write_spherical
from panosod_core.media.writer import SoundCodec, SoundSettings
from panosod_core.synth.truth import DemoTruth, load_truth

REPO = Path(__file__).resolve().parent.parent
CHANNELS, Y = 4, 1
"""Of the sound, in ACN: W Y Z X."""


def predict(clip: Path, folder: Path, *, stride: int, model: Path | None) -> Path:
    """The command itself; the folder of its saliency pictures."""
    command = [sys.executable, "-m", "panosod_core.cli.main", "predict", str(clip), "--stride", str(stride)]
    command += ["--cache", str(folder / "cache"), "--out", str(folder / "out"), "--device", "cpu", "--jobs", "1"]
    command += [] if model is None else ["--model", str(model)]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return folder / "out" / clip.stem / "saliency"


def write_mirrored(clip: Path, path: Path) -> None:
    """Copy a clip of first-order sound, its pictures as they are and the sound with the sign of Y turned, lossless."""
    with av.open(str(clip)) as source, av.open(str(path), "w") as target:
        pictures, sound = source.streams.video[0], source.streams.audio[0]
        copied = target.add_stream_from_template(pictures)
        turned = target.add_stream("flac", rate=sound.rate)
        turned.codec_context.layout = SoundSettings(codec=SoundCodec.FLAC).layout_for(CHANNELS)
        turned.codec_context.format = sound.codec_context.format.packed
        for packet in source.demux(pictures, sound):
            if packet.stream is pictures:
                if packet.dts is not None:
                    packet.stream = copied
                    target.mux(packet)
                continue
            for heard in packet.decode():
                samples = heard.to_ndarray()
                if heard.format.is_planar:
                    samples = samples.T.reshape(1, -1)
                samples[0, Y::CHANNELS] = -samples[0, Y::CHANNELS]
                frame = av.AudioFrame.from_ndarray(samples, heard.format.packed.name, turned.codec_context.layout)
                frame.sample_rate, frame.pts, frame.time_base = heard.sample_rate, heard.pts, heard.time_base
                target.mux(turned.encode(frame))
        target.mux(turned.encode(None))
    write_spherical(path, path, geometry=PictureGeometry(), sound=AmbisonicSound(order=1))


def count(pictures: Path, truth: DemoTruth, *, mirrored: bool) -> tuple[Counter[str], list[float]]:
    """Verdicts of all frames, and the share of the sphere that is salient in those where nothing sounds."""
    verdicts: Counter[str] = Counter()
    silent = []
    for index in range(truth.header.frame_count):
        grey = cv2.imread(str(pictures / f"{index:05d}.png"), cv2.IMREAD_UNCHANGED)
        if grey is None:
            verdicts["no map"] += 1
            continue
        who = sounding_truth(truth, index, mirrored=mirrored)
        if who is None and truth.sounding(index):
            verdicts["no mirror image"] += 1
            continue
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
    parser.add_argument("--mirrored", action="store_true", help="left and right change places in the sound")
    args = parser.parse_args()
    truth = load_truth(args.clip)
    sounds = "its mirror image sounds" if args.mirrored else "something sounds"
    print(f"| stride | frames | {sounds} | on target | share | salient where nothing sounds, % of the sphere |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for stride in args.strides:
        with tempfile.TemporaryDirectory() as folder:
            clip = args.clip
            if args.mirrored:
                clip = Path(folder) / "mirrored.mp4"
                write_mirrored(args.clip, clip)
            pictures = predict(clip, Path(folder), stride=stride, model=args.model)
            found, silent = count(pictures, truth, mirrored=args.mirrored)
        judged = found["on target"] + found["off target"] + found["no map"]
        share = 100 * found["on target"] / judged
        nothing = 100 * float(np.mean(silent)) if silent else float("nan")
        row = (stride, truth.header.frame_count, judged, found["on target"], f"{share:.1f} %", f"{nothing:.2f}")
        print(f"| {' | '.join(str(value) for value in row)} |", flush=True)


if __name__ == "__main__":
    main()
