import threading

from hypothesis import given
from hypothesis import strategies as st

from panosod_viewer.picture_queue import PictureQueue, Put
from tests.viewer.pictures import picture


def filled(n, **kw):
    queue = PictureQueue(**kw)
    queue.begin(1)
    for i in range(n):
        assert queue.put(picture(i), 1, timeout_s=0) is (Put.TAKEN if i else Put.FIRST)
    return queue


def test_early_pictures_wait():
    queue = filled(3)
    queue.pick(0.0)
    picked = queue.pick(0.02)
    assert picked.frame is None
    assert abs(picked.wait_s - 0.02) < 1e-9


def test_late_pictures_are_dropped_and_counted():
    picked = filled(10).pick(0.2)
    assert (picked.frame.index, picked.dropped) == (5, 5)


def test_a_picture_may_come_as_early_as_the_way_to_the_screen():
    queue = filled(2)
    assert queue.pick(0.0).frame.index == 0
    assert queue.pick(0.035, tolerance_s=0.01).frame.index == 1


def test_an_empty_queue_knows_no_wait():
    assert filled(0).pick(5.0).wait_s is None


@given(st.integers(1, 12), st.lists(st.floats(0, 1), max_size=20))
def test_every_picture_is_shown_once_or_dropped_once(n, looks):
    queue = filled(n)
    seen, dropped = [], 0
    for now in [*sorted(looks), 10.0]:
        picked = queue.pick(now)
        dropped += picked.dropped
        if picked.frame is not None:
            assert picked.frame.time_s <= now
            seen.append(picked.frame.index)
    assert seen == sorted(set(seen))
    assert len(seen) + dropped == n
    assert queue.bytes_held == 0


def test_a_new_generation_empties_the_queue_and_refuses_the_old():
    queue = filled(3)
    queue.begin(2)
    assert len(queue) == 0
    assert queue.put(picture(9), 1) is Put.STALE
    assert queue.put(picture(9), 2) is Put.FIRST


def test_the_queue_is_bounded_in_bytes_but_never_below_its_least():
    size = sum(p.nbytes for p in picture(0).planes)
    queue = filled(4, max_bytes=4 * size, min_frames=2, max_frames=100)
    assert queue.put(picture(4), 1, timeout_s=0) is None
    assert queue.bytes_held == 4 * size
    tiny = filled(2, max_bytes=1, min_frames=2)
    assert tiny.put(picture(2), 1, timeout_s=0) is None


def test_the_queue_is_bounded_in_pictures():
    assert filled(5, max_frames=5).put(picture(5), 1, timeout_s=0) is None


def waiting_put(queue):
    """A put that must wait, in a thread; what it answers and the thread."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(queue.put(picture(50), 1)))
    thread.start()
    return answers, thread


def test_room_wakes_the_filler():
    queue = filled(5, max_frames=5)
    answers, thread = waiting_put(queue)
    queue.pick(0.0)
    thread.join(30)
    assert answers == [Put.TAKEN]


def test_a_filler_that_waited_while_all_were_taken_is_the_first_again():
    # Judged before the wait, it would not be, and nobody would come to look for it.
    queue = filled(5, max_frames=5)
    answers, thread = waiting_put(queue)
    queue.pick(100.0)
    thread.join(30)
    assert answers == [Put.FIRST]


def test_a_new_generation_wakes_the_filler():
    queue = filled(5, max_frames=5)
    answers, thread = waiting_put(queue)
    queue.begin(2)
    thread.join(30)
    assert answers == [Put.STALE]


def test_closing_wakes_the_filler():
    queue = filled(5, max_frames=5)
    answers, thread = waiting_put(queue)
    queue.close()
    thread.join(30)
    assert answers == [Put.CLOSED]
    assert queue.put(picture(0), 1) is Put.CLOSED
