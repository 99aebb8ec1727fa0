"""Going along the list of what to annotate next."""

from hypothesis import given
from hypothesis import strategies as st

from panosod_core.annotation.queueing import Pick
from panosod_viewer.tools.advised import COUNT, PickLine, Walk, place_of

PICKS = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 20)), unique=True, max_size=20).map(
    lambda places: tuple(Pick(c, n, n, n / 25, 1.0, "why") for c, n in places)
)


@given(PICKS)
def test_going_on_visits_all_in_their_order_and_comes_around(picks):
    walk, seen, here = Walk(picks), [], None
    for _ in picks:
        here = walk.next(here)
        seen.append(here)
    if len(picks) == 1:
        assert walk.next(here) is None
        return
    assert seen == [place_of(p) for p in picks]
    if picks:
        assert walk.next(here) == place_of(picks[0]), "once around, it begins again"


@given(PICKS, st.data())
def test_what_was_gone_past_stays_behind_when_the_list_is_made_anew(picks, data):
    walk, here = Walk(picks), None
    for _ in range(data.draw(st.integers(0, len(picks)))):
        here = walk.next(here)
    been = set(walk.been)
    walk.take(data.draw(st.permutations(picks)))
    if been != {place_of(p) for p in picks}:
        assert not been & {place_of(p) for p in walk.waiting}
    assert len(walk.waiting) <= COUNT
    walk.begin()
    assert walk.waiting == walk.picks[:COUNT]


@given(PICKS.filter(lambda picks: len(picks) > 2))
def test_back_is_where_one_was(picks):
    walk = Walk(picks)
    first = walk.next(None)
    second = walk.next(first)
    assert walk.previous(second) == first and walk.previous(first) is None


def test_a_line_is_headed_by_clip_and_time():
    line = PickLine(Pick(1, 7, 7, 67.43, 0.0, "why"), "walk")
    assert line.heading == "walk   1:07.4"
