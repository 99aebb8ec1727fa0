"""Pairs of small maps, the same on every machine: for the tests, and for the script that asks PySODMetrics about them.

Needs numpy alone, and of numpy only integer arithmetic: random streams may change between its versions.
"""

import hashlib
from collections.abc import Iterator

import numpy as np

EDGE_SIZE = (18, 24)
TINY_SIZES = [(1, 1), (1, 2), (2, 1), (2, 2), (3, 3), (1, 7), (7, 1), (2, 5), (1, 40), (40, 1), (5, 33)]
CURVE_SAMPLES = (0, 1, 2, 63, 127, 128, 200, 254, 255)
RANDOM_CASES = 120


def golden_cases() -> list[tuple[str, np.ndarray, np.ndarray]]:
    """(name, prediction, mask), both (H, W) uint8."""
    return [*_random_cases(), *_edge_cases(), *_tiny_cases()]


def digest(cases: list[tuple[str, np.ndarray, np.ndarray]]) -> str:
    """SHA-256 of all names and maps: stored expectations belong to exactly these."""
    sha = hashlib.sha256()
    for name, prediction, truth in cases:
        sha.update(f"{name} {prediction.shape}".encode() + prediction.tobytes() + truth.tobytes())
    return sha.hexdigest()


def noise(seed: int, *shape: int) -> np.ndarray:
    """Pseudo-random uint8 (SplitMix64's finaliser over a counter)."""
    n = int(np.prod(shape))
    x = np.arange(1, n + 1, dtype=np.uint64) + np.uint64(seed * 1_000_003)
    with np.errstate(over="ignore"):
        x *= np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((x ^ (x >> np.uint64(31))) >> np.uint64(40)).astype(np.uint8).reshape(shape)


def disc(height: int, width: int, row: int, column: int, radius: int) -> np.ndarray:
    """(H, W) bool."""
    y, x = np.mgrid[0:height, 0:width]
    return (y - row) ** 2 + (x - column) ** 2 <= radius**2


def _random_cases() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    for i in range(RANDOM_CASES):
        a, b, c, d, e, f = (int(v) for v in noise(i, 6))
        height, width = 2 + a % 39, 2 + b % 62
        truth = disc(height, width, c % height, d % width, 1 + e % (1 + height // 2))
        if f % 3 == 0:
            truth |= disc(height, width, d % height, c % width, 1 + a % 4)
        grain = noise(1000 + i, height, width).astype(int)
        mask = np.where(truth, 255, 0)
        if f % 5 == 0:  # grey masks, some levels at the very threshold
            mask = np.where(truth, 90 + grain % 166, grain % 140)
        shown = disc(height, width, (c + e % 3) % height, (d + f % 4) % width, 1 + (e + f) % (1 + height // 2))
        kind = i % 6
        if kind == 0:
            prediction = grain
        elif kind == 1:
            prediction = np.where(shown, 150 + grain * 105 // 255, grain // 4)
        elif kind == 2:
            prediction = np.where(truth, 40 + grain // 8, 10 + grain // 8)  # neither 0 nor 255 occurs
        elif kind == 3:
            prediction = np.where(shown, 255, 0)
        elif kind == 4:
            prediction = grain * grain // 255 * np.where(shown, 255, 60) // 255
        else:
            prediction = np.where(grain > 230, grain, 3 + grain % 2)
        yield f"random {i}", prediction.astype(np.uint8), mask.astype(np.uint8)


def _edge_cases() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    height, width = EDGE_SIZE
    for truth_name, truth in _masks(height, width):
        for name, prediction in _predictions(height, width, truth):
            yield f"mask {truth_name}, prediction {name}", prediction, truth


def _tiny_cases() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    for i, (height, width) in enumerate(TINY_SIZES):
        grain = noise(5000 + i, height, width)
        half = (np.arange(height * width).reshape(height, width) % 2 * 255).astype(np.uint8)
        first = np.zeros((height, width), np.uint8)
        first[0, 0] = 255
        for truth_name, truth in (("first pixel", first), ("checks", half), ("none", first * 0)):
            for name, prediction in (("noise", grain), ("zero", first * 0), ("equal", truth)):
                yield f"{height}x{width} {truth_name}, {name}", prediction, truth


def _masks(height: int, width: int) -> Iterator[tuple[str, np.ndarray]]:
    def painted(*where: object) -> np.ndarray:
        mask = np.zeros((height, width), np.uint8)
        for w in where:
            mask[w] = 255
        return mask

    yield "empty", painted()
    yield "full", painted(np.s_[:])
    yield "one pixel", painted((7, 9))
    yield "first pixel", painted((0, 0))
    yield "last pixel", painted((-1, -1))
    yield "row", painted((5,))
    yield "column", painted((slice(None), 11))
    yield "left half", painted((slice(None), slice(0, width // 2)))
    yield "all but one", 255 - painted((3, 4))
    yield "both edges", painted((slice(4, 9), slice(0, 3)), (slice(4, 9), slice(-3, None)))
    yield "grey", np.where(disc(height, width, 8, 12, 5), 129, 128).astype(np.uint8)


def _predictions(height: int, width: int, truth: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    grain = noise(77, height, width)
    ramp = (np.arange(width)[None, :] * 10 + np.zeros((height, 1), int)).astype(np.uint8)
    spot = np.zeros((height, width), np.uint8)
    spot[6, 10] = 200
    yield "zero", np.zeros_like(spot)
    yield "full", np.full_like(spot, 255)
    yield "constant 77", np.full_like(spot, 77)
    yield "constant 128", np.full_like(spot, 128)
    yield "one pixel", spot
    yield "ramp", ramp
    yield "noise", grain
    yield "faint noise", (3 + grain % 7).astype(np.uint8)
    yield "equal", truth
    yield "inverse", 255 - truth
