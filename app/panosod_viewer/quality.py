"""Automatic quality: less internal resolution while a slow machine plays, all of it while the picture stands. No Qt."""

from collections import deque

LEAST_SCALE = 0.4
STEP = 0.8
SOFTWARE_PIXELS = 640 * 360 * 1.3
"""How many pixels a software renderer draws beside a playing clip without pressing it."""
_SOFTWARE = ("llvmpipe", "softpipe", "swiftshader", "software rasterizer", "swrast", "gdi generic")
WINDOW_S = 2.0
MIN_DROPS = 2
PATIENCE_S = 5.0
BUSY_SHARE = 0.5
"""Drawing that takes less of a picture's time than this is not what drops pictures."""


def is_software(renderer: str) -> bool:
    """True where OpenGL is drawn by the processor, by the renderer's name."""
    return any(name in renderer.lower() for name in _SOFTWARE)


class AutoQuality:
    """Watches paints and drops; says at which scale to draw."""

    def __init__(self) -> None:
        self._playing_scale = 1.0
        self._is_playing = False
        self._costs: deque[tuple[float, float]] = deque()
        self._drops: deque[float] = deque()
        self._calm_since_s = 0.0

    @property
    def scale(self) -> float:
        """The scale to draw at now."""
        return self._playing_scale if self._is_playing else 1.0

    def begin(self, renderer: str, *, pixels: int) -> None:
        """A first guess from the renderer's name, so that the first seconds do not stutter.

        Args:
            renderer: OpenGL's name of it.
            pixels: of the picture on the screen.
        """
        share = SOFTWARE_PIXELS / max(1, pixels) if is_software(renderer) else 1.0
        self._playing_scale = min(1.0, max(LEAST_SCALE, round(share**0.5, 2)))

    def set_playing(self, is_playing: bool, *, now_s: float) -> None:
        """A standing picture is drawn whole."""
        self._is_playing = is_playing
        self._forget(now_s)

    def painted(self, cost_s: float, *, interval_s: float, now_s: float) -> None:
        """A picture was drawn.

        Args:
            cost_s: time that the window's thread was busy with it.
            interval_s: time until the next picture is due.
            now_s: any monotonic clock.
        """
        if not self._is_playing:
            return
        self._costs.append((now_s, cost_s))
        while self._costs and now_s - self._costs[0][0] > WINDOW_S:
            self._costs.popleft()
        while self._drops and now_s - self._drops[0] > WINDOW_S:
            self._drops.popleft()
        mean = sum(cost for _, cost in self._costs) / len(self._costs)
        if len(self._drops) >= MIN_DROPS and mean > BUSY_SHARE * interval_s and self._playing_scale > LEAST_SCALE:
            self._playing_scale = max(LEAST_SCALE, round(self._playing_scale * STEP, 2))
            self._forget(now_s)
        elif self._playing_scale < 1.0 and now_s - self._calm_since_s > PATIENCE_S:
            # The cost grows with the pixels, at most.
            if mean / STEP**2 < BUSY_SHARE * interval_s:
                self._playing_scale = min(1.0, round(self._playing_scale / STEP, 2))
            self._forget(now_s)

    def dropped(self, *, now_s: float) -> None:
        """A picture came too late."""
        if self._is_playing:
            self._drops.append(now_s)
            self._calm_since_s = now_s

    def _forget(self, now_s: float) -> None:
        self._costs.clear()
        self._drops.clear()
        self._calm_since_s = now_s
