"""Compute the embedded binaural filters (assets/hrtf/kemar_magls.npz) from the MIT KEMAR measurements.

The SOFA file comes from Debian's package libmysofa1. Run again only to change the design:

    python benchmarks/build_hrtf_filters.py
"""

import argparse
from dataclasses import replace
from pathlib import Path

from panosod_core.ambisonics.equalise import diffuse_field_equalised
from panosod_core.ambisonics.filters import DEFAULT_FILTERS, save_filters
from panosod_core.ambisonics.hrtf import load_sofa
from panosod_core.ambisonics.magls import magls_filters

LICENCE = (
    "Copyright 1994 by the MIT Media Laboratory. Provided free with no restrictions on use, provided the authors are "
    "cited when the data is used in any research or commercial application."
)
CITATION = (
    "W. G. Gardner and K. D. Martin, HRTF measurements of a KEMAR, J. Acoust. Soc. Am. 97 (1995) 3907-3908; "
    "HRTF Measurements of a KEMAR Dummy-Head Microphone, MIT Media Lab Perceptual Computing Technical Report 280, 1994."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sofa", type=Path, default=Path("/usr/share/libmysofa/MIT_KEMAR_normal_pinna.sofa"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "assets" / "hrtf" / DEFAULT_FILTERS)
    arguments = parser.parse_args()
    hrtf = replace(load_sofa(arguments.sofa), name="MIT KEMAR, normal pinna", licence=LICENCE, citation=CITATION)
    for warning in hrtf.warnings:
        print("warning:", warning)
    head = diffuse_field_equalised(hrtf)
    filters = [magls_filters(head, order=order) for order in (1, 2, 3)]
    for one in filters:
        print(f"order {one.order}: {one.method}")
    method = "MagLS, 384 taps, diffuse-field equalised, -3 dB in the diffuse field"
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    save_filters(arguments.out, [replace(one, method=method) for one in filters])
    print(arguments.out, arguments.out.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
