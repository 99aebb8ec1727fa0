"""L3DAS: listing, events as targets, stretches of recordings, and which channel is which axis."""

from dataclasses import replace

import numpy as np
import pytest

from panosod_core.ambisonics.encode import encode_plane_wave
from panosod_core.datasets.augment import Augmentation, augmented_recording
from panosod_core.datasets.findings import FindingCounter, Kind
from panosod_core.datasets.index import Layout, Split
from panosod_core.datasets.l3das import (
    CLASSES,
    LabelEnds,
    SoundEvent,
    event_targets,
    index_l3das,
    load_recording,
    read_events,
)
from panosod_core.datasets.opening import open_data_set
from panosod_core.datasets.order_check import (
    OrderVerdict,
    compare_orders,
    labelled_directions,
    measure,
    normalisation_of,
    settle_order,
)
from panosod_core.datasets.sound_order import (
    ACN_SN3D,
    ALL_AXES,
    NAMED_ORDERS,
    Normalisation,
    SoundOrder,
    parse_order,
)
from panosod_core.errors import ConfigError, DatasetError
from tests.core.datasets.tiny_sets import L3DAS_PLACES, LABEL_HEADER, make_l3das, noise, stored, write_wav


@pytest.fixture(scope="module")
def l3das(tmp_path_factory):
    return make_l3das(tmp_path_factory.mktemp("l3das"))


# --- listing


@pytest.mark.parametrize("year", [21, 22, 23])
@pytest.mark.parametrize("doubled", [False, True])
def test_listing(tmp_path, year, doubled):
    make_l3das(tmp_path, year=year, doubled=doubled, places=L3DAS_PLACES[:4])
    data = open_data_set(tmp_path)
    assert data.layout is Layout.L3DAS and not data.findings and data.order == ACN_SN3D
    assert [(r.name, r.split, r.overlap, len(r.microphones)) for r in data.recordings] == [
        ("split1_ov1_2", Split.VALIDATION, 1, 2), ("split0_ov1_1", Split.TRAIN, 1, 2),
    ]  # fmt: skip


def test_holes_are_counted(tmp_path):
    make_l3das(tmp_path)
    train = tmp_path / "L3DAS22_Task2_train"
    (train / "labels" / "label_split0_ov1_1.csv").unlink()
    (train / "data" / "split2_ov1_3_B.wav").unlink()
    write_wav(train / "data" / "mixture.wav", np.zeros((4, 100)))
    data = index_l3das(tmp_path)
    assert {f.kind: f.examples for f in data.findings} == {
        Kind.LABELS_MISSING: ("split0_ov1_1",), Kind.NO_SECOND_MIC: ("split2_ov1_3",),
        Kind.STRAY_FILES: ("mixture.wav",),
    }  # fmt: skip
    with pytest.raises(DatasetError, match="expected L3DAS Task 2 recordings"):
        index_l3das(tmp_path / "L3DAS22_Task2_train" / "data")


# --- events


def test_events_are_read_in_order(tmp_path):
    path = tmp_path / "label.csv"
    path.write_text("\ufeff" + LABEL_HEADER + "a.wav, 0.5, 1.25,Writing,-2,1.5,-1\nb.wav,0,0.3,Knock,0.1,0,0\n")
    assert read_events(path) == (
        SoundEvent(13, 0.5, 1.25, (-2.0, 1.5, -1.0)), SoundEvent(7, 0.0, 0.3, (0.1, 0.0, 0.0)),
    )  # fmt: skip


@pytest.mark.parametrize(
    "rows",
    ["a,0,x,Knock,0,0,0\n", "a,0,1,Knock,0,nan,0\n", "a,2,1,Knock,0,0,0\n", "a,0,1\n", "a,0,1,Bang,0,0,0\n"],
)
def test_labels_that_cannot_be_used(tmp_path, rows):
    path = tmp_path / "label.csv"
    path.write_text(LABEL_HEADER + rows)
    with pytest.raises(DatasetError, match=r"label\.csv: expected columns Start, End, Class"):
        read_events(path)


def test_labels_without_their_columns(tmp_path):
    path = tmp_path / "label.csv"
    for text in ("Begin,Stop\n0,1\n", "", "nothing\n"):
        path.write_text(text)
        with pytest.raises(DatasetError, match="expected columns"):
            read_events(path)
    path.write_text(LABEL_HEADER)
    assert read_events(path) == ()


def test_unknown_classes_are_counted_where_someone_counts(tmp_path):
    path = tmp_path / "label.csv"
    path.write_text(LABEL_HEADER + "a,0,1,Bang,0,0,0\na,0,1,Knock,1,0,0\n")
    found = FindingCounter()
    events = read_events(path, found)
    assert [e.sound_class for e in events] == [-1, CLASSES.index("Knock")]
    assert event_targets(events, duration_s=1.0).active.sum() == 10  # only what is known is a target
    assert [(f.kind, f.count) for f in found.result()] == [(Kind.UNKNOWN_CLASS, 1)]


def test_targets_by_the_clock():
    events = (SoundEvent(3, 0.2, 0.5, (2.0, -1.0, 0.5)),)
    targets = event_targets(events, duration_s=1.0)
    assert targets.active.shape == (10, 14, 3) and targets.position.shape == (10, 14, 3, 3)
    assert np.flatnonzero(targets.active.sum(axis=(1, 2))).tolist() == [2, 3, 4]
    np.testing.assert_allclose(targets.position[2, 3, 0], [1.0, -0.5, 0.25])
    assert targets.active.sum() == 3 and np.abs(targets.position).sum() == pytest.approx(3 * 1.75)


def test_targets_of_the_baseline_fill_the_end_frame():
    """The challenge's rule: frames int(t (n - 1) / n) inclusive, over the whole recording of n frames."""
    event = SoundEvent(0, 10.0, 20.0, (0.0, 0.0, 1.0))
    active = event_targets((event,), duration_s=30.0, ends=LabelEnds.BASELINE).active
    first, last = np.flatnonzero(active.any(axis=(1, 2)))[[0, -1]]
    assert (first, last) == (int(100 * 299 / 300), int(200 * 299 / 300)) == (99, 199)
    by_clock = event_targets((event,), duration_s=30.0).active
    assert np.flatnonzero(by_clock.any(axis=(1, 2)))[[0, -1]].tolist() == [100, 199]


def test_overlaps_of_one_class():
    events = tuple(SoundEvent(5, 0.0, 0.2 + 0.1 * i, (i / 10, 0.0, 0.0)) for i in range(4))
    targets = event_targets(events, duration_s=0.6)
    assert targets.active[0, 5].sum() == 3 and targets.crowded == 2 + 1 - 1  # frames 0 and 1
    # in frame 2 the first has ended: the fourth is let in
    assert targets.active[2, 5].tolist() == [1, 1, 1]
    np.testing.assert_allclose(targets.position[2, 5, :, 0] * 2, [0.1, 0.2, 0.3], atol=1e-7)


def test_short_and_late_events():
    events = (SoundEvent(0, 0.51, 0.52, (1.0, 0.0, 0.0)), SoundEvent(1, 0.9, 5.0, (1.0, 0.0, 0.0)))
    active = event_targets(events, duration_s=1.0).active
    assert np.flatnonzero(active[:, 0].any(axis=-1)).tolist() == [5]
    assert np.flatnonzero(active[:, 1].any(axis=-1)).tolist() == [9]


# --- stretches


def test_stretch_of_a_recording(l3das):
    data = index_l3das(l3das)
    recording = next(r for r in data.recordings if r.name == "split0_ov1_1")
    whole = load_recording(recording, order=ACN_SN3D, duration_s=2.0)
    assert whole.waveform.shape == (4, 64000) and whole.targets.active.shape == (20, 14, 3)
    part = load_recording(recording, order=ACN_SN3D, duration_s=1.0, start_s=0.9)
    np.testing.assert_array_equal(part.waveform, whole.waveform[:, 28800:60800])
    np.testing.assert_array_equal(part.targets.active, whole.targets.active[9:19])
    np.testing.assert_array_equal(part.targets.position, whole.targets.position[9:19])
    # the sound is there where the labels say so, and from there
    level = np.abs(whole.waveform[0]).reshape(20, -1).mean(axis=1)
    np.testing.assert_array_equal(level > 1e-3, whole.targets.active.any(axis=(1, 2)))
    beyond = load_recording(recording, order=ACN_SN3D, duration_s=3.0, start_s=1.0)
    assert not beyond.waveform[:, 32000:].any() and not beyond.targets.active[10:].any()


def test_both_microphones(l3das):
    recording = index_l3das(l3das).recordings[0]
    both = load_recording(recording, order=ACN_SN3D, duration_s=2.0, microphones=2)
    assert both.waveform.shape == (8, 64000)
    np.testing.assert_array_equal(both.waveform[:4], both.waveform[4:])  # the tiny copy has the same in both
    with pytest.raises(DatasetError, match="expected 2 microphones, there is only _A"):
        load_recording(
            replace(recording, microphones=recording.microphones[:1]), order=ACN_SN3D, duration_s=1.0, microphones=2
        )
    with pytest.raises(ValueError, match="about one microphone"):
        augmented_recording(both, Augmentation(turn=0.25))


def test_stretches_begin_on_label_frames(l3das):
    with pytest.raises(ValueError, match="begins on a label frame"):
        load_recording(index_l3das(l3das).recordings[0], order=ACN_SN3D, duration_s=1.0, start_s=0.05)


@pytest.mark.parametrize("how", [Augmentation(turn=0.123), Augmentation(mirrored=True), Augmentation(0.4, True, True)])
def test_turned_recordings_keep_sound_and_labels_together(l3das, how):
    recording = index_l3das(l3das).recordings[0]
    plain = load_recording(recording, order=ACN_SN3D, duration_s=2.0)
    turned = augmented_recording(plain, how)
    np.testing.assert_array_equal(turned.targets.active, plain.targets.active)
    for sample in (plain, turned):
        for frame in (4, 14):
            place = sample.targets.position[frame][sample.targets.active[frame] > 0][0]
            part = sample.waveform[:, frame * 3200 : (frame + 1) * 3200]
            heard = part[0] @ part[[3, 1, 2]].T
            cosine = heard @ place / np.linalg.norm(heard) / np.linalg.norm(place)
            assert cosine > 0.9999
    assert not np.allclose(turned.targets.position, plain.targets.position)


# --- channel order


def test_orders_by_name():
    assert parse_order("acn") == ACN_SN3D and parse_order(" FuMa ") == NAMED_ORDERS["fuma"]
    assert parse_order("xyz/n3d") == SoundOrder(("+x", "+y", "+z"), Normalisation.N3D)
    assert parse_order("-x+zy").axes == ("-x", "+z", "+y")
    for order in (*NAMED_ORDERS.values(), SoundOrder(("-z", "+x", "-y"), Normalisation.MAXN)):
        assert parse_order(order.name) == order
    for text in ("xxz", "wxyz2", "", "+x+y", "xyz/loud"):
        with pytest.raises(ConfigError, match="expected a channel order such as acn"):
            parse_order(text)
    with pytest.raises(ValueError, match="once each"):
        SoundOrder(("+x", "+x", "+z"))


def test_matrix_of_fuma():
    """Malham: W sqrt(2), and X Y Z to their places."""
    np.testing.assert_allclose(NAMED_ORDERS["fuma"].matrix() @ [1, 2, 3, 4], [2**0.5, 3, 4, 2], rtol=1e-6)  # W, Y, Z, X
    np.testing.assert_array_equal(ACN_SN3D.matrix(), np.eye(4))
    np.testing.assert_allclose(np.diag(NAMED_ORDERS["acn/n3d"].matrix()), [1, *(3**-0.5,) * 3], rtol=1e-6)


@pytest.mark.parametrize("normalisation", list(Normalisation))
def test_reading_undoes_every_order(normalisation):
    place = np.array([0.3, -0.8, 0.5])
    foa = encode_plane_wave(noise(100), place)
    for axes in ALL_AXES:
        order = SoundOrder(axes, normalisation)
        np.testing.assert_allclose(order.matrix() @ stored(foa, order), foa, atol=1e-6)
        ratio = np.square(stored(foa, order)[1:]).sum() / np.square(stored(foa, order)[0]).sum()
        assert ratio == pytest.approx(normalisation.power_ratio, rel=1e-5)
        if normalisation is not Normalisation.MAXN or axes != ACN_SN3D.axes:
            assert normalisation_of(ratio, axes) is normalisation


@pytest.mark.parametrize("text", ["acn", "wxyz", "fuma", "acn/n3d", "-x+z-y/n3d", "+z-y+x"])
def test_the_order_is_found_from_the_labels(tmp_path, text):
    order = parse_order(text)
    data = index_l3das(make_l3das(tmp_path, order=order))
    evidence = settle_order(data)
    assert evidence.best == order and evidence.groups == len(L3DAS_PLACES)
    assert evidence.verdict is (OrderVerdict.AGREES if order.axes == ACN_SN3D.axes else OrderVerdict.DIFFERS)
    assert evidence.error_deg < 1.0
    if evidence.verdict is OrderVerdict.DIFFERS:
        assert evidence.assumed_error_deg > 30


def test_all_48_orders_are_told_apart():
    rng = np.random.default_rng(3)
    places = rng.standard_normal((12, 3))
    fields = [
        encode_plane_wave(noise(400, seed=i), place) + noise(400, seed=99 + i) * 0.3 for i, place in enumerate(places)
    ]
    for axes in ALL_AXES:
        order = SoundOrder(axes)
        stretches = [
            measure(stored(f, order), p, group=str(i), rate_hz=16000)
            for i, (f, p) in enumerate(zip(fields, places, strict=True))
        ]
        assert compare_orders(stretches, ACN_SN3D).best.axes == axes


def test_ambiguous_directions_are_refused(tmp_path):
    """Everything on the horizon: nothing tells up from down, so no order is guessed."""
    flat = [(x, y, 0.0) for x, y, _ in L3DAS_PLACES]
    data = index_l3das(make_l3das(tmp_path, places=flat))
    with pytest.raises(DatasetError, match="expected the labels to fit one channel order clearly"):
        settle_order(data)


def test_noise_proves_nothing():
    rng = np.random.default_rng(5)
    for seed in range(20):
        stretches = [
            measure(
                rng.standard_normal((4, 60)).astype(np.float32), rng.standard_normal(3), group=str(i), rate_hz=16000
            )
            for i in range(40)
        ]
        evidence = compare_orders([s for s in stretches if s is not None], ACN_SN3D, least_cosine=0.25)
        assert evidence is None or evidence.verdict is OrderVerdict.AMBIGUOUS, seed


def test_labels_that_do_not_belong_to_the_sound_prove_nothing(tmp_path):
    data = index_l3das(make_l3das(tmp_path))
    stretches = labelled_directions(data.recordings)
    shuffled = [
        replace(stretch, known=other.known)
        for stretch, other in zip(stretches, stretches[3:] + stretches[:3], strict=True)
    ]
    assert compare_orders(shuffled, ACN_SN3D).verdict is OrderVerdict.AMBIGUOUS


def test_too_few_events_prove_nothing(tmp_path):
    data = index_l3das(make_l3das(tmp_path, places=L3DAS_PLACES[:4]))
    with pytest.raises(DatasetError, match="at least 6 labelled events that sound alone"):
        settle_order(data)


def test_overlapping_events_are_not_measured(tmp_path):
    data = index_l3das(make_l3das(tmp_path))
    labels = data.recordings[0].labels
    labels.write_text(labels.read_text() + "c.wav,0.0,2.0,Scissors,1,1,1\n")
    assert len(labelled_directions(data.recordings)) == len(L3DAS_PLACES) - 2
