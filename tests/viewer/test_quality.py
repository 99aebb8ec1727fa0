import pytest

from panosod_viewer.quality import LEAST_SCALE, AutoQuality, is_software


class Run:
    """A playing window on a machine whose drawing costs so much at full resolution."""

    def __init__(self, cost_s, renderer="a graphics card", pixels=1280 * 720):
        self.quality = AutoQuality()
        self.quality.begin(renderer, pixels=pixels)
        self.quality.set_playing(True, now_s=0.0)
        self.cost_s = cost_s
        self.now_s = 0.0

    def play(self, seconds, interval_s=1 / 30):
        for _ in range(int(seconds / interval_s)):
            self.now_s += interval_s
            cost = self.cost_s * self.quality.scale**2
            if cost > interval_s:
                self.quality.dropped(now_s=self.now_s)
            self.quality.painted(cost, interval_s=interval_s, now_s=self.now_s)


@pytest.mark.parametrize("name", ["llvmpipe (LLVM 15.0.6, 256 bits)", "softpipe", "Google SwiftShader"])
def test_software_renderers_are_known_by_name(name):
    assert is_software(name)


def test_a_graphics_card_is_not_software():
    assert not is_software("4.6 NVIDIA GeForce RTX 3060")


def test_a_fast_machine_keeps_full_resolution():
    run = Run(cost_s=0.003)
    run.play(60)
    assert run.quality.scale == 1.0


def test_a_slow_machine_is_drawn_smaller_until_nothing_drops():
    run = Run(cost_s=0.060)
    run.play(20)
    assert run.quality.scale < 0.8
    before = run.quality.scale
    drops = 60 * before**2 > 33
    assert not drops


def test_drops_that_drawing_did_not_cause_change_nothing():
    run = Run(cost_s=0.002)
    for _ in range(300):
        run.now_s += 0.033
        run.quality.dropped(now_s=run.now_s)
        run.quality.painted(0.002, interval_s=0.033, now_s=run.now_s)
    assert run.quality.scale == 1.0


def test_the_scale_never_falls_below_its_least():
    run = Run(cost_s=10.0)
    run.play(120)
    assert run.quality.scale == LEAST_SCALE


def test_a_machine_that_recovers_gets_its_resolution_back():
    run = Run(cost_s=0.060)
    run.play(20)
    run.cost_s = 0.004
    run.play(120)
    assert run.quality.scale == 1.0


def test_a_standing_picture_is_drawn_whole():
    run = Run(cost_s=0.060)
    run.play(20)
    run.quality.set_playing(False, now_s=run.now_s)
    assert run.quality.scale == 1.0
    run.quality.set_playing(True, now_s=run.now_s)
    assert run.quality.scale < 1.0


def test_a_software_renderer_starts_small_in_a_large_window_and_whole_in_a_small_one():
    assert Run(0.01, "llvmpipe", 1920 * 1080).quality.scale < 0.5
    assert Run(0.01, "llvmpipe", 640 * 360).quality.scale == 1.0
