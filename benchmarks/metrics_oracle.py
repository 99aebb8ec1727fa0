"""Ask PySODMetrics what the golden maps of the tests are worth, and store its answers.

    python -m venv /tmp/oracle && /tmp/oracle/bin/pip install pysodmetrics==1.6.2
    /tmp/oracle/bin/python benchmarks/metrics_oracle.py            # writes tests/core/metrics/golden.npz
    /tmp/oracle/bin/python benchmarks/metrics_oracle.py --time A.npz   # prints its seconds, for benchmarks/metrics.py

Runs in an environment of its own, because PySODMetrics pins an old numpy; needs nothing of panosod but the maps.
"""

import argparse
import json
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np

REPO = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPO / "tests" / "core" / "metrics"))
warnings.simplefilter("ignore")  # its own: means of nothing, and a class that it will rename

import py_sod_metrics as theirs  # noqa: E402 - only after the warnings that it raises on import are off
from golden_maps import CURVE_SAMPLES, digest, golden_cases  # noqa: E402 - found through the path above


def ask(prediction: np.ndarray, truth: np.ndarray, *, normalize: bool) -> dict[str, np.ndarray]:
    """All it says about one pair; curves lowest threshold first."""
    if not normalize:
        prediction, truth = prediction / 255, truth > 128
    f, s, e, mae = theirs.Fmeasure(), theirs.Smeasure(), theirs.Emeasure(), theirs.MAE()
    iou = theirs.FmeasureV2(
        metric_handlers={
            "iou": theirs.IOUHandler(with_dynamic=False, with_adaptive=False, with_binary=True, sample_based=True)
        }
    )
    for each in (f, s, e, mae, iou):
        each.step(pred=prediction, gt=truth, normalize=normalize)
    fm, em = f.get_results()["fm"], e.get_results()["em"]
    return {
        "f": fm["adp"],
        "s": s.get_results()["sm"],
        "e": em["adp"],
        "mae": mae.get_results()["mae"],
        "j": iou.get_results()["iou"]["binary"],
        "f_curve": fm["curve"][::-1],
        "e_curve": em["curve"][::-1],
    }


def golden() -> dict[str, np.ndarray]:
    """Arrays to store: scores by case, each curve's mean, maximum and samples, and the mean curves of all cases."""
    cases = golden_cases()
    out: dict[str, np.ndarray] = {}
    for prefix, normalize in (("stretched_", True), ("raw_", False)):
        answers = [ask(p, t, normalize=normalize) for _, p, t in cases]
        for key in ("f", "s", "e", "mae", "j"):
            out[prefix + key] = np.array([a[key] for a in answers], np.float64)
        for key in ("f_curve", "e_curve"):
            curves = np.array([a[key] for a in answers], np.float64)
            out[f"{prefix}{key}_mean"] = curves.mean(axis=1)
            out[f"{prefix}{key}_max"] = curves.max(axis=1)
            out[f"{prefix}{key}_samples"] = curves[:, list(CURVE_SAMPLES)]
    made_with = {name: version(name) for name in ("pysodmetrics", "numpy", "scipy")}
    out["made_with"] = np.array(json.dumps(made_with))
    out["digest"] = np.array(digest(cases))
    return out


def seconds(path: Path, repeats: int) -> dict[str, list[float]]:
    """Best wall-clock seconds of each measure for the pair in an .npz file."""
    pair = np.load(path)
    best: dict[str, float] = {}
    for _ in range(repeats):
        for name, make in (("f", theirs.Fmeasure), ("s", theirs.Smeasure), ("e", theirs.Emeasure), ("mae", theirs.MAE)):
            measure = make()
            start = time.perf_counter()
            measure.step(pred=pair["prediction"], gt=pair["truth"])
            took = time.perf_counter() - start
            best[name] = min(best.get(name, np.inf), took)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--out", type=Path, default=REPO / "tests" / "core" / "metrics" / "golden.npz")
    parser.add_argument("--time", type=Path, default=None, help="an .npz with prediction and truth to be timed")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.time:
        pair = np.load(arguments.time)
        scores = {k: float(v) for k, v in ask(pair["prediction"], pair["truth"], normalize=True).items() if v.ndim == 0}
        versions = {name: version(name) for name in ("pysodmetrics", "numpy")}
        print(
            json.dumps({"seconds": seconds(arguments.time, arguments.repeats), "scores": scores, "versions": versions})
        )
        return
    arrays = golden()
    np.savez_compressed(arguments.out, **arrays)
    print(f"{len(arrays['stretched_f'])} cases, {arguments.out.stat().st_size} bytes, {arrays['made_with']}")


if __name__ == "__main__":
    main()
