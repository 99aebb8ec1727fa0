"""How well first-order binaural decoders keep the cues of the head they were built from.

    python benchmarks/decoders.py [--data FOLDER] [--out benchmarks/results/decoders.md]

Method: a plane wave from every measured direction is encoded, decoded, and compared with the measurement itself.
ITD: lag of the greatest cross-correlation below 1.5 kHz, horizontal directions. ILD: third octaves 1.5 to 15 kHz.
SD: third octaves 125 Hz to 16 kHz of each ear after one gain is matched. All mean absolute errors; "all directions" are
weighted by the solid angle that they stand for.
"""

import argparse
import datetime
import platform
import wave
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from pages import system

from panosod_core.ambisonics.cues import CueErrors, cue_errors
from panosod_core.ambisonics.design import diffuse_level_db, grid_weights, levelled
from panosod_core.ambisonics.filters import BinauralFilters
from panosod_core.ambisonics.hrtf import HrtfSet, load_sofa
from panosod_core.ambisonics.magls import magls_filters
from panosod_core.ambisonics.peers import least_squares_filters, turned_cube, virtual_cube_filters

REPO = Path(__file__).resolve().parent.parent
FABIAN = Path("hrtf") / "fabian_pyfar_hrirs.sofa"
KEMAR = Path("/usr/share/libmysofa/MIT_KEMAR_normal_pinna.sofa")
HEADER = """| decoder | taps | ITD µs | ILD horizontal dB | ILD all directions dB | SD dB | ILD at 90° dB |
|---|---|---|---|---|---|---|"""


def decoders(head: HrtfSet) -> list[BinauralFilters]:
    """All first-order decoders of one head, MagLS last, then MagLS of higher order."""
    cubes = [
        replace(virtual_cube_filters(head, corners=corners, max_re=max_re), method=f"{name}, {kind}")
        for name, corners in (("virtual cube, rolled 45°", turned_cube()), ("virtual cube, upright", None))
        for kind, max_re in (("basic", False), ("max-rE above 700 Hz", True))
    ]
    magls = [magls_filters(head, order=order) for order in (1, 2, 3)]
    named = [replace(f, method=f"**MagLS, order {f.order}** ({f.method.split(',')[0][6:]})") for f in magls]
    return [least_squares_filters(head, order=1), *cubes, *named]


def omnitone(folder: Path, order: int) -> BinauralFilters:
    """Omnitone's filters: one ear of a symmetric head, the other is its mirror image."""
    with wave.open(str(folder / f"sh_hrir_order_{order}.wav")) as file:
        if file.getsampwidth() != 2:
            raise SystemExit("expected 16-bit samples")
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels()).T / 32768
        rate = file.getframerate()
    acn = np.arange(len(samples))
    degree = np.floor(np.sqrt(acn))
    mirror = np.where(acn - degree * (degree + 1) < 0, -1.0, 1.0)
    taps = np.stack([samples, samples * mirror[:, None]], axis=1)
    level = diffuse_level_db(taps, rate)
    name = f"Omnitone, order {order} (KU100; its own level {level:+.1f} dB)"
    return BinauralFilters(levelled(taps, rate), order, rate, "SADIE KU100", name)


def row(name: str, taps: int, errors: CueErrors) -> str:
    return (
        f"| {name} | {taps} | {errors.itd_us:.0f} | {errors.ild_horizontal_db:.2f} | {errors.ild_sphere_db:.2f} "
        f"| {errors.spectral_db:.2f} | {errors.ild_at_left_db:.1f} |"
    )


def table(head: HrtfSet, others: list[BinauralFilters]) -> str:
    weights, covered = grid_weights(head.directions)
    lines = []
    for filters in [*decoders(head), *others]:
        errors = cue_errors(filters, head, weights)
        lines.append(row(filters.method, filters.taps.shape[-1], errors))
    title = (
        f"### {head.name}\n\n{len(head.directions)} directions covering {100 * covered:.0f} % of the sphere to within "
        f"15°; its own ILD at 90° is {errors.ild_at_left_truth_db:.1f} dB.\n"
    )
    return "\n".join([title, HEADER, *lines])


def report(data: Path) -> str:
    machine = f"{platform.machine()}, {_processor()}, {system()}"
    versions = ", ".join(f"{name} {version(name)}" for name in ("panosod", "numpy", "sofar"))
    peers = [omnitone(data / "golden" / "omnitone", order) for order in (1, 2, 3)]
    parts = [
        "# Binaural decoders",
        f"Printed by `benchmarks/decoders.py` on {datetime.date.today().isoformat()}; {machine}; "
        f"Python {platform.python_version()}, {versions}.",
        str(__doc__).split("\n\n")[2].strip(),
        "Objective cues only, no listening test. The short FABIAN set was measured in the horizontal and the median "
        "plane alone: the cube rolled by 45° about the front axis has all its corners in these planes, while the "
        "upright one takes the nearest measured direction, up to 35° away there. Omnitone's rows stand beside for "
        "information: its filters imitate another head and are judged against this one.",
        table(load_sofa(data / FABIAN), peers),
    ]
    if KEMAR.is_file():
        parts.append(table(load_sofa(KEMAR), []))
    return "\n\n".join(parts) + "\n"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    names = [line for line in cpuinfo.read_text().splitlines() if "model name" in line] if cpuinfo.exists() else []
    return names[0].split(":")[1].strip() if names else platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", type=Path, default=REPO.parent / "shared" / "testdata", help="folder of test data")
    parser.add_argument("--out", type=Path, default=None, help="also write the report there")
    arguments = parser.parse_args()
    text = report(arguments.data)
    print(text)
    if arguments.out:
        arguments.out.write_text(text)


if __name__ == "__main__":
    main()
