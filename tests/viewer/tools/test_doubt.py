import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from panosod_core.inference.map_record import MapSource
from panosod_core.inference.tracks import AZIMUTHS, FrameFigures, TrackTable
from panosod_viewer.tools.doubt import Doubt, Visit, doubtful_frames, rank_after

visits = st.lists(
    st.builds(Visit, st.floats(0.1, 1), st.integers(0, 99).map(float)), min_size=1, max_size=12, unique=True
)


@given(visits)
def test_going_on_visits_every_peak_once_from_the_highest_down_and_back_again(found):
    peaks = sorted(found, key=lambda v: v.order)
    last, seen = None, []
    for _ in peaks:
        last = peaks[rank_after(peaks, last, step=+1)]
        seen.append(last)
    assert seen == peaks and [v.value for v in seen] == sorted((v.value for v in seen), reverse=True)
    assert rank_after(peaks, last, step=+1) == 0
    for peak in reversed(peaks[:-1]):
        last = peaks[rank_after(peaks, last, step=-1)]
        assert last == peak
    assert rank_after(peaks, None, step=-1) == len(peaks) - 1


@given(visits, st.builds(Visit, st.floats(0.1, 1), st.just(200.0)))
def test_from_a_frame_that_is_a_peak_no_more_the_way_leads_on(found, gone):
    peaks = sorted(found, key=lambda v: v.order)
    lower = [v for v in peaks if v.order > gone.order]
    higher = [v for v in peaks if v.order < gone.order]
    assert peaks[rank_after(peaks, gone, step=+1)] == (lower[0] if lower else peaks[0])
    assert peaks[rank_after(peaks, gone, step=-1)] == (higher[-1] if higher else peaks[-1])


def test_only_the_models_own_frames_are_doubtful():
    table = TrackTable()
    for index, (entropy, angle, source) in enumerate(
        [
            (0.2, 0.1, MapSource.MODEL),
            (0.9, 3.0, MapSource.FLOW),
            (0.5, np.nan, MapSource.MODEL),
            (0, 1.0, MapSource.MODEL),
        ]
    ):
        table.put(FrameFigures(index, 5.0 * index, source, 0.1, entropy, np.zeros(AZIMUTHS, bool), angle))
    tracks = table.tracks()
    assert [v.time_s for v in doubtful_frames(tracks, Doubt.UNSURE)] == [10.0, 0.0]
    assert [v.time_s for v in doubtful_frames(tracks, Doubt.OFF_SOUND)] == [15.0, 0.0]
