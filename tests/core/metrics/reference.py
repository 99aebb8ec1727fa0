"""The definitions again, pixel by pixel and slow, with a weight for every pixel: what the counted forms must equal."""

import numpy as np

from panosod_core.metrics.options import EmptyTruth, MetricOptions, Stretch

EPS = np.spacing(1)
# Two sides of a threshold that agree to this are one number; levels lie 1/255 apart.
SAME = 1e-12


def reference_scores(prediction, truth, options: MetricOptions, weights=None, cut=None):
    """Scores of one (H, W) pair.

    Args:
        weights: (H, W), mean 1.
        cut: (row, column) where the lower and right blocks of S begin; None for the centroid of the mask.
    """
    w = np.ones(prediction.shape) if weights is None else weights
    g = truth > options.truth_above
    raw = prediction / 255
    v = stretched(raw, options.stretch)
    curve = raw if options.raw_curves else v
    tau = min(2 * mean(v, w), 1)
    at_least, above = v >= tau - SAME, v > tau + SAME
    n = options.thresholds
    if n == 256:
        # Cut off, rounding errors of the stretching included, as PySODMetrics does.
        selections = [np.trunc(curve * 255) >= t for t in range(256)]
    else:
        selections = [curve >= t / (n - 1) - SAME for t in range(n)]
    strict = [curve > t / (n - 1) + SAME for t in range(n)] if options.strict_e else selections
    return {
        "f": f(at_least, g, w, options),
        "s": s(v, g, w, options, cut),
        "e": e(above if options.strict_e else at_least, g, w, options),
        "mae": mean(np.abs((raw if options.raw_mae else v) - g), w),
        "j": j(raw > 0.5, g, w),
        "f_curve": np.array([f(chosen, g, w, options) for chosen in selections]),
        "e_curve": np.array([e(chosen, g, w, options) for chosen in strict]),
    }


def stretched(v, stretch):
    if stretch is Stretch.NEVER or (np.ptp(v) == 0 and stretch is Stretch.UNLESS_CONSTANT):
        return v
    return (v - v.min()) / ((v.max() - v.min()) or 1)


def mean(x, w):
    return float((w * x).sum() / w.sum())


def f(chosen, g, w, options):
    hit = w[chosen & g].sum()
    if hit == 0:
        return 0.0
    precision, recall = hit / w[chosen].sum(), hit / w[g].sum()
    return (1 + options.beta2) * precision * recall / (options.beta2 * precision + recall)


def j(chosen, g, w):
    union = w[chosen | g].sum()
    return w[chosen & g].sum() / union if union else 1.0


def e(chosen, g, w, options):
    special = options.empty is not EmptyTruth.FORMULA
    if special and not g.any():
        enhanced = (~chosen).astype(float)
    elif special and g.all():
        enhanced = chosen.astype(float)
    else:
        a, b = chosen - mean(chosen, w), g - mean(g, w)
        # What is the same everywhere is 0 once its mean is gone.
        a, b = (np.zeros_like(x) if np.ptp(x) == 0 else x for x in (a, b))
        enhanced = (2 * a * b / (a * a + b * b + EPS) + 1) ** 2 / 4
    return mean(enhanced, w) * g.size / max(g.size - 1, 1)


def s(v, g, w, options, cut):
    if not g.any():
        return 1 - mean(v, w)
    if g.all():
        return mean(v, w)
    share = mean(g, w)
    by_object = share * alike(v[g], w[g]) + (1 - share) * alike(1 - v[~g], w[~g])
    if cut is None:
        cut = np.rint(np.argwhere(g).mean(axis=0)).astype(int) + int(options.centroid_plus_one)
    by_region = 0.0
    for rows in (slice(0, cut[0]), slice(cut[0], None)):
        for columns in (slice(0, cut[1]), slice(cut[1], None)):
            block = w[rows, columns]
            if block.size:
                by_region += block.sum() / w.sum() * similar(v[rows, columns], g[rows, columns], block)
    return max(0.0, options.alpha * by_object + (1 - options.alpha) * by_region)


def alike(x, w):
    m = mean(x, w)
    variance = mean((x - m) ** 2, w) * x.size / max(x.size - 1, 1)
    return 2 * m / (m * m + 1 + np.sqrt(variance) + EPS)


def similar(v, g, w):
    x, y = mean(v, w), mean(g, w)
    unbias = v.size / (v.size - 1 + EPS)
    sv, sg, both = (mean(a * b, w) * unbias for a, b in ((v - x, v - x), (g - y, g - y), (v - x, g - y)))
    # What is the same everywhere has no variance, whatever rounding says.
    if np.ptp(v) == 0:
        sv = both = 0.0
    if g.all() or not g.any():
        sg = both = 0.0
    above, below = 4 * x * y * both, (x * x + y * y) * (sv + sg)
    if above != 0:
        return above / (below + EPS)
    return 1.0 if below == 0 else 0.0
