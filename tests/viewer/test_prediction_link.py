"""What the window asks of its predictors, and what it says where one is not at work."""

import pytest
from PySide6.QtCore import QObject, Signal

from panosod_core.inference.messages import Setup
from panosod_viewer.prediction_lane import Coverage, Failure, PredictorLane
from panosod_viewer.prediction_link import PredictionLink
from panosod_viewer.prediction_notices import HOW_TO_GET_IT, READ_AGAIN, RETRY, USE_CPU
from panosod_viewer.prediction_wish import PredictionWish
from panosod_viewer.prediction_words import every_nth
from tests.viewer.pictures import picture
from tests.viewer.test_player import Desk

FPS = 25


class Lane(QObject):
    """Keeps what it is asked."""

    record_changed = Signal(object)
    address_changed = Signal(object)
    map_made = Signal(int)
    status_changed = Signal(str)
    failed = Signal(object)
    refused = Signal(str)
    unreadable = Signal(str)

    def __init__(self, setup: Setup, *, reaper=None, parent=None):
        super().__init__(parent)
        self.setup, self.coverage, self.pid = setup, None, 4711
        self.clips, self.moves, self.looks, self.strides = [], [], [], []
        self.is_closed = self.is_clip_closed = False
        self.restarts = []
        self.readings = 0

    def restart(self, setup, clip):
        self.setup, self.pid = setup, 4712
        self.restarts.append(clip)

    def read_again(self):
        self.readings += 1

    def die(self, failure):
        self.pid = None
        self.failed.emit(failure)

    def open_clip(self, clip):
        self.clips.append(clip)

    def close_clip(self):
        self.is_clip_closed = True

    def look_at(self, index):
        self.looks.append(index)

    def move(self, **words):
        self.moves.append(words)

    def set_stride(self, stride):
        self.strides.append(stride)

    def figures(self):
        return {"maps_per_s": 9.0}

    def close(self):
        self.is_closed = True


class Link:
    def __init__(self, wish=None, *, is_installed=True):
        self.desk = Desk(duration_s=100.0)
        self.now_s = 0.0
        self.lanes, self.notices, self.over, self.said, self.wishes = [], [], [], [], []
        self.link = PredictionLink(
            self.desk.player,
            wish or PredictionWish(),
            make_lane=self.make,
            is_installed=lambda: is_installed,
            now=lambda: self.now_s,
        )
        self.link.notice.connect(self.notices.append)
        self.link.notice_over.connect(self.over.append)
        self.link.status_changed.connect(self.said.append)
        self.link.wish_changed.connect(self.wishes.append)

    def make(self, setup, *, reaper, parent=None):
        self.lanes.append(Lane(setup, parent=parent))
        return self.lanes[-1]

    def opened(self):
        self.link.set_clip("/clips/a.mp4")
        self.link.take_for(picture="auto", eye="left", sound="auto")
        self.desk.sought(0)
        self.link.picture_painted()
        return self

    def show(self, index, *, after_s=0.04):
        self.now_s += after_s
        self.desk.player.frame_shown.emit(picture(index, fps=FPS))
        self.desk.player._frame = picture(index, fps=FPS)


@pytest.fixture(autouse=True)
def own_library(tmp_path, monkeypatch):
    monkeypatch.setenv("PANOSOD_MODELS", str(tmp_path / "models"))


@pytest.fixture
def link(qapp):
    return Link()


def test_nothing_starts_before_the_first_picture_is_on_the_screen(link):
    link.link.set_clip("/clips/a.mp4")
    link.desk.sought(0)
    assert link.lanes == []
    link.link.picture_painted()
    (lane,) = link.lanes
    assert lane.setup == Setup()
    assert [clip.path for clip in lane.clips] == ["/clips/a.mp4"]
    assert lane.moves[-1]["index"] == 0


def test_the_next_clip_finds_the_model_loaded_and_closing_ends_all(link):
    link.opened()
    link.link.close_clip()
    assert link.lanes[0].is_clip_closed
    link.opened()
    assert len(link.lanes) == 1
    generations = [clip.generation for clip in link.lanes[0].clips]
    assert generations == sorted(set(generations))
    link.link.close()
    assert link.lanes[0].is_closed
    assert link.link.pids() == ()


def test_taken_for_something_else_it_is_predicted_anew_once(link, qtbot):
    link.opened()
    link.link.take_for(picture="equirect-tb")
    link.link.take_for(eye="right", sound="fuma")
    qtbot.waitUntil(lambda: len(link.lanes[0].clips) == 2)
    last = link.lanes[0].clips[-1]
    assert (last.picture, last.eye, last.sound) == ("equirect-tb", "right", "fuma")


def test_a_flat_picture_is_left_alone(link, qtbot):
    link.opened()
    link.link.take_for(picture="flat", is_spherical=False)
    qtbot.waitUntil(lambda: link.lanes[0].is_clip_closed)
    assert len(link.lanes[0].clips) == 1


def test_every_frame_is_looked_at_but_the_order_of_work_hears_a_few_times_a_second(link):
    link.opened()
    lane = link.lanes[0]
    link.desk.player.play()
    lane.moves.clear()
    lane.looks.clear()
    for index in range(1, 26):
        link.show(index)
    assert lane.looks == list(range(1, 26))
    assert 3 <= len(lane.moves) <= 6
    assert all(move["is_playing"] for move in lane.moves)
    link.show(300)
    link.show(301)
    assert len([move for move in lane.moves if move["index"] >= 300]) <= 1


def test_pictures_dropped_while_playing_are_told_once(link):
    link.opened()
    lane = link.lanes[0]
    link.desk.player.play()
    link.show(1, after_s=1.0)
    link.desk.player.counts.dropped += 3
    link.show(5, after_s=1.0)
    link.show(6, after_s=1.0)
    link.show(7, after_s=1.0)
    assert sum(move["late"] for move in lane.moves) == 3


@pytest.mark.parametrize(("was_on_cpu", "offers"), [(True, [f"{RETRY}0"]), (False, [f"{RETRY}0", f"{USE_CPU}0"])])
def test_a_model_that_fails_is_told_in_one_line_with_what_can_be_done(link, was_on_cpu, offers):
    link.opened()
    (lane,) = link.lanes
    lane.die(Failure("memory", "the memory is not enough", was_on_cpu))
    (notice,) = link.notices
    assert "demo model" in notice.text and "the memory is not enough" in notice.text
    assert "\n" not in notice.text
    assert [action for action, _ in notice.actions] == offers
    # Not by itself again and again; and what it has made stays.
    assert len(link.lanes) == 1 and not lane.restarts and not lane.is_closed
    link.link.act(offers[-1])
    assert [clip.path for clip in lane.restarts] == ["/clips/a.mp4"]
    assert lane.restarts[0].generation > lane.clips[0].generation
    assert lane.setup.device == ("auto" if was_on_cpu else "cpu")
    assert notice.identity in link.over
    assert len(link.lanes) == 1


def test_a_cache_that_fails_offers_a_retry_alone(link):
    link.opened()
    link.lanes[0].die(Failure("cache", "no room left for predictions on this disk", False))
    (notice,) = link.notices
    assert "no room left" in notice.text
    assert [action for action, _ in notice.actions] == [f"{RETRY}0"]


def test_the_processor_serves_the_model_that_failed_alone_and_is_not_remembered(link):
    link.opened()
    link.link.use_model("/models/b.safetensors", is_second=True)
    first, second = link.lanes
    wishes = len(link.wishes)
    second.die(Failure("memory", "the memory is not enough", False))
    link.link.act(f"{USE_CPU}1")
    assert (first.setup.device, second.setup.device) == ("auto", "cpu")
    assert not first.restarts
    assert (link.link.wish.device, len(link.wishes)) == ("auto", wishes)
    # The next clip and a change of the other model leave it there.
    link.opened()
    link.link.use_model("/models/c.safetensors")
    assert [lane.is_closed for lane in link.lanes] == [True, False, False]
    # Off and on is the way back, and so is another model.
    link.link.toggle()
    link.link.toggle()
    assert [lane.setup.device for lane in link.lanes[3:]] == ["auto", "auto"]


def test_another_model_in_place_of_one_on_the_processor_runs_where_the_settings_say(link):
    link.opened()
    link.lanes[0].die(Failure("memory", "the memory is not enough", False))
    link.link.act(f"{USE_CPU}0")
    link.link.use_model("/models/c.safetensors")
    assert link.lanes[-1].setup.device == "auto"


def test_after_a_failure_the_next_clip_is_another_attempt(link):
    link.opened()
    link.lanes[0].die(Failure("died", "signal 9", True))
    link.opened()
    assert [lane.is_closed for lane in link.lanes] == [True, False]
    assert link.lanes[1].clips


def test_a_process_that_cannot_be_started_anew_is_told_and_the_maps_stay(link):
    link.opened()
    lane = link.lanes[0]
    lane.die(Failure("died", "signal 9", True))

    def refuse(setup, clip):
        raise OSError("too many processes")

    lane.restart = refuse
    link.link.act(f"{RETRY}0")
    assert "too many processes" in link.notices[-1].text
    assert not lane.is_closed


def test_a_model_that_is_another_one_now_is_loaded_anew_and_no_other(link):
    link.opened()
    link.link.use_model("/models/b.safetensors", is_second=True)
    link.link.reload("")
    assert [len(lane.restarts) for lane in link.lanes] == [1, 0]


def test_maps_that_cannot_be_shown_are_told_with_a_retry_of_the_reading_alone(link):
    link.opened()
    (lane,) = link.lanes
    lane.unreadable.emit("the disk has gone")
    (notice,) = link.notices
    assert notice.text == "Maps of demo model cannot be shown: the disk has gone"
    assert [action for action, _ in notice.actions] == [f"{READ_AGAIN}0"]
    link.link.act(f"{READ_AGAIN}0")
    assert (lane.readings, lane.restarts) == (1, [])


def test_buttons_of_others_are_none_of_its_business(link):
    link.opened()
    link.link.act("sound.restart")
    assert len(link.lanes) == 1
    assert not link.lanes[0].is_closed


def test_where_nothing_runs_models_one_quiet_line_says_how_to_get_it(qapp):
    link = Link(is_installed=False).opened()
    assert link.lanes == link.notices == []
    assert link.said[-1] == "model: not installed"
    link.link.toggle()
    link.link.toggle()
    assert [notice.text for notice in link.notices] == [HOW_TO_GET_IT]


def test_on_and_off(link):
    link.opened()
    link.link.toggle()
    assert link.lanes[0].is_closed
    assert link.said[-1] == ""
    assert link.link.figures() is None
    link.link.toggle()
    assert len(link.lanes) == 2
    assert link.lanes[1].clips
    assert [wish.is_on for wish in link.wishes] == [False, True]


def test_switched_off_nothing_is_started(qapp):
    link = Link(PredictionWish(is_on=False)).opened()
    assert link.lanes == []
    link.link.use_model("/models/own.safetensors")
    assert link.lanes[0].setup.model == "/models/own.safetensors"


def test_a_second_model_works_beside_the_first_and_goes_alone(link):
    link.opened()
    records = []
    link.link.maps_changed.connect(lambda record: records.append(("first", record)))
    link.link.second_changed.connect(lambda record: records.append(("second", record)))
    link.link.use_model("/models/b.safetensors", is_second=True)
    first, second = link.lanes
    assert (first.setup.model, second.setup.model) == ("", "/models/b.safetensors")
    assert len(first.clips) == 1
    first.record_changed.emit("a")
    second.record_changed.emit("b")
    assert records == [("first", "a"), ("second", "b")]
    first.status_changed.emit("9 maps/s, every frame")
    second.status_changed.emit("ready")
    assert link.said[-1] == "demo model: 9 maps/s, every frame | b: ready"
    assert set(link.link.figures()) == {"first", "second"}
    second.failed.emit(Failure("load", "does not match", True))
    assert "b: does not match" in link.notices[-1].text
    assert not first.is_closed
    second.status_changed.emit("off")
    assert link.said[-1] == "demo model: 9 maps/s, every frame | b: off"


def test_another_first_model_replaces_the_first_alone(link):
    link.opened()
    link.link.use_model("/models/b.safetensors", is_second=True)
    link.link.use_model("/models/c.safetensors")
    assert [lane.is_closed for lane in link.lanes] == [True, False, False]
    assert link.lanes[2].setup.model == "/models/c.safetensors"


def test_another_grid_needs_no_new_process(link):
    link.opened()
    link.link.set_wish(PredictionWish(stride=3))
    assert link.lanes[0].strides == [3]
    assert len(link.lanes) == 1


def test_a_process_that_cannot_be_started_is_told(qapp):
    link = Link()

    def refuse(setup, *, reaper, parent=None):
        raise OSError("too many processes")

    link.link._make_lane = refuse
    link.opened()
    assert "too many processes" in link.notices[0].text


@pytest.mark.parametrize(
    ("stride", "words"),
    [(1, "every frame"), (2, "every 2nd frame"), (3, "every 3rd frame"), (12, "every 12th frame")],
)
def test_how_dense_the_maps_are(stride, words):
    assert every_nth(stride) == words


def test_the_lane_has_all_that_the_link_uses():
    assert all(hasattr(PredictorLane, name) for name in vars(Lane) if not name.startswith("_") and name != "die")
    assert Coverage.share is not None
