"""Suggestions in the window: an outline that is taken or not, nothing written without, and a process that fails."""

import sys

import numpy as np
import pytest

from panosod_core.annotation.records import MaskState, Source
from panosod_core.inference.suggestions import SuggestedMask, SuggestRequest, read_request, write_answer, write_request
from panosod_viewer.annotating.suggesting import DECLINE, DECLINE_ALL, TAKE
from panosod_viewer.workers.suggesting import SuggestionsFailed, SuggestionsMade, SuggestionWorker

MASK = np.zeros((8, 16), np.bool_)
MASK[2:5, 3:9] = True
ASKED = SuggestRequest("clip.mp4", "", 6, picture="equirect", device="cpu")


def test_request_and_answer_go_through_files(tmp_path):
    write_request(tmp_path / "r.npz", ASKED, MASK)
    request, mask = read_request(tmp_path / "r.npz")
    assert request == ASKED and np.array_equal(mask, MASK) and mask.dtype == np.bool_
    write_answer(tmp_path / "a.npz", "abc", [SuggestedMask(3, MASK)], shape=MASK.shape)
    from panosod_core.inference.suggestions import read_answer

    model_id, found = read_answer(tmp_path / "a.npz")
    assert model_id == "abc" and found[0].index == 3 and np.array_equal(found[0].mask, MASK)
    write_answer(tmp_path / "none.npz", "abc", [], shape=MASK.shape)
    assert read_answer(tmp_path / "none.npz") == ("abc", ())


ECHO = """
import sys
from pathlib import Path
from panosod_core.inference.suggestions import SuggestedMask, read_request, write_answer
request, mask = read_request(Path(sys.argv[1]))
write_answer(Path(sys.argv[2]), "echo", [SuggestedMask(request.index + k, mask) for k in (-4, 4)], shape=mask.shape)
"""


class Letters(list):
    def __init__(self):
        import threading

        super().__init__()
        self.came = threading.Event()

    def __call__(self, letter):
        self.append(letter)
        self.came.set()


@pytest.mark.parametrize(
    "program, kind, text",
    [(ECHO, SuggestionsMade, ""),
     ("import sys; sys.stderr.write('one\\nno such model\\n'); sys.exit(1)", SuggestionsFailed, "no such model"),
     ("raise SystemExit(3)", SuggestionsFailed, "ended with 3"),
     ("pass", SuggestionsFailed, "no suggestions")],
)  # fmt: skip
def test_the_worker_tells_what_became_of_it(program, kind, text):
    letters = Letters()
    worker = SuggestionWorker(ASKED, MASK, letters, command=(sys.executable, "-c", program))
    assert letters.came.wait(60)
    assert isinstance(letters[0], kind) and letters[0].request is ASKED
    assert text in getattr(letters[0], "text", "")
    assert worker.close(timeout_s=60.0) and len(letters) == 1


def test_closing_ends_a_process_that_hangs():
    letters = Letters()
    worker = SuggestionWorker(ASKED, MASK, letters, command=(sys.executable, "-c", "import time; time.sleep(600)"))
    assert worker.close(timeout_s=60.0) and not letters


class Echo:
    """A worker that suggests what it was given, two frames before and after, moved by some columns."""

    def __init__(self, request, mask, post):
        self.request = request
        moved = np.roll(mask, 9, axis=1)
        found = tuple(SuggestedMask(request.index + k, moved) for k in (-2, 2))
        post(SuggestionsMade(request, "m" * 64, found))

    def close(self):
        return True


@pytest.fixture
def window(painting, clip):
    made = painting().open(clip).identified()
    made.trigger("annotate.brush")
    made.viewer.player.show_frame(4)
    made.wait(lambda: made.viewer.player.frame.index == 4)
    middle = made.point(0, 0)
    made.stroke([middle, made.point(8, 0)])
    made.suggesting = made.viewer.annotator.workbench.suggesting
    made.suggesting._make_worker = Echo
    made.told = []
    made.suggesting.notice.connect(made.told.append)
    return made


def at(window, index):
    window.wait(lambda: window.viewer.player.frame.index == index and window.desk.key.index == index)


def lines(window):
    return window.viewer.state.wish.pictures.theirs


@pytest.mark.gl
def test_nothing_is_written_unless_it_is_taken(window):
    painted = window.labels()
    assert painted.any()
    window.trigger("review.suggest")
    at(window, 6)
    window.wait(lambda: bool(lines(window)))
    assert window.suggesting.waiting == (2, 6) and [a for a, _ in window.told[-1].actions] == [
        TAKE,
        DECLINE,
        DECLINE_ALL,
    ]
    document, clip = window.desk.document, window.desk.clip
    assert [row.key.index for row in document.frames(clip.id)] == [4], "an outline is no mask"
    window.viewer.window.notices.action_triggered.emit(TAKE)
    key = window.desk.key
    taken = document.labels(key)
    assert key.index == 6 and np.array_equal(taken != 0, np.roll(painted != 0, 9, axis=1))
    (head,) = document.heads(key).values()
    assert head.state is MaskState.DRAFT and head.source is Source.MODEL and head.model_id == "m" * 64
    at(window, 2)
    window.viewer.window.notices.action_triggered.emit(DECLINE)
    assert window.suggesting.waiting == () and not lines(window)
    assert [r.key.index for r in document.frames(clip.id)] == [4, 6]
    window.trigger("annotate.undo")
    assert [r.key.index for r in document.frames(clip.id) if np.any(document.labels(r.key))] == [4]


@pytest.mark.gl
def test_suggestions_go_with_their_clip_and_need_a_mask(window):
    window.trigger("review.suggest")
    at(window, 6)
    window.suggesting.act(DECLINE_ALL)
    assert window.suggesting.waiting == () and not lines(window)
    window.trigger("review.suggest")  # frame 6 has no mask
    assert "Select an object" in window.told[-1].text and window.suggesting.waiting == ()
    window.viewer.player.show_frame(4)
    at(window, 4)
    window.trigger("review.suggest")
    at(window, 6)
    window.desk.close_project(discard=True)
    window.wait(lambda: window.suggesting.waiting == ())
