"""Signs of the known dialects, orders, inversion, tare: the numbers of a tracker become the head's orientation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panosod_core.errors import ConfigError
from panosod_core.geometry.sphere import azimuth_elevation, rotation, yaw_pitch_roll
from panosod_viewer.tracker.config import TrackerConfig
from panosod_viewer.tracker.mapping import HeadMapper, Outcome
from panosod_viewer.tracker.presets import LEARNED, PRESETS, preset, suggest
from panosod_viewer.tracker.route import AngleOrder, Argument, Route, Slot, head_from_quaternion, route

# What a person does, and in which signs each system reports 20 degrees of it: +1 means its number is +20.
# (yaw of a head turning LEFT, pitch of a nose going UP, roll of a right ear going DOWN)
SIGN_TABLE = {
    ("sparta", "/ypr", (0, 1, 2)): (+1, -1, +1),
    ("iem", "/SceneRotator/ypr", (0, 1, 2)): (-1, +1, -1),
    ("adm", "/adm/lis/ypr", (0, 1, 2)): (+1, +1, +1),
    ("mach1", "/orientation", (0, 1, 2)): (-1, +1, +1),
    ("salte", "/rendering/htrpy", (2, 1, 0)): (-1, +1, +1),
    ("head-pose", "/head_pose", (5, 4, 6)): (+1, -1, -1),
    ("right-handed-ypr", "/ypr", (0, 1, 2)): (-1, +1, +1),
}

angle = st.floats(-170, 170)
tilt = st.floats(-80, 80)


def pose_of(mapper: HeadMapper) -> np.ndarray:
    R = mapper.R_world_head
    assert R is not None
    return R


def looks(R: np.ndarray) -> tuple[float, float]:
    azimuth, elevation = azimuth_elevation(R[:, 0])
    return float(np.degrees(azimuth)), float(np.degrees(elevation))


@pytest.mark.parametrize(("key", "signs"), SIGN_TABLE.items(), ids=[k[0] for k in SIGN_TABLE])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_sign_table(key, signs, axis):
    preset_id, address, places = key
    values = [0.0] * (max(places) + 1)
    values[places[axis]] = 20.0 * signs[axis]
    mapper = HeadMapper(TrackerConfig(preset=preset_id))
    assert mapper.feed(address, values) is Outcome.POSE
    R = pose_of(mapper)
    if axis == 0:
        assert looks(R) == pytest.approx((20, 0))  # turning left looks left
    elif axis == 1:
        assert looks(R) == pytest.approx((0, 20))  # nose up looks up
    else:
        left_ear = R[:, 1]
        assert looks(R) == pytest.approx((0, 0))
        assert left_ear[2] == pytest.approx(np.sin(np.radians(20)))  # right ear down: the left one goes up


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_radians_and_unit_ranges(axis):
    tune_in = HeadMapper(TrackerConfig(preset="3dti"))
    radians = [0.0, 0.0, 0.0]
    radians[(2, 0, 1)[axis]] = np.radians(20) * (-1, 1, 1)[axis]
    tune_in.feed("/3DTI-OSC/receiver/pry", radians)
    expected = [0.0, 0.0, 0.0]
    expected[axis] = np.radians(20)
    assert yaw_pitch_roll(pose_of(tune_in)) == pytest.approx(expected)

    ambihead = HeadMapper(TrackerConfig(preset="ambihead"))
    for i, address in enumerate(("/yaw", "/pitch", "/roll")):
        turned = 20 * (1, 1, -1)[i] if i == axis else 0
        ambihead.feed(address, [0.5 + turned / 360])
    assert yaw_pitch_roll(pose_of(ambihead)) == pytest.approx(expected)


def quaternion(R: np.ndarray) -> tuple[float, float, float, float]:
    """Of a rotation by less than half a turn, independent of the code under test (axis and angle)."""
    angle_rad = np.arccos(np.clip((np.trace(R) - 1) / 2, -1, 1))
    axis = np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]])
    length = np.linalg.norm(axis)
    axis = axis / length if length > 0 else np.array([1.0, 0, 0])
    s = np.sin(angle_rad / 2)
    return float(np.cos(angle_rad / 2)), *(float(v) for v in axis * s)


@given(yaw=st.floats(-120, 120), pitch=st.floats(-40, 40), roll=st.floats(-40, 40))
@settings(max_examples=60, deadline=None)
def test_quaternion_dialects_agree_with_the_same_head(yaw, pitch, roll):
    R = rotation(*np.radians([yaw, pitch, roll]))
    w, x, y, z = quaternion(R)
    sent = {
        ("ambix", "/quaternion"): (w, x, y, z),
        ("virtuoso", "/Virtuoso/quat"): (w, x, y, z),
        ("iem", "/SceneRotator/quaternions"): (w, -x, -y, -z),  # turns the scene: the head's inverse
        ("scene-quaternion", "/quaternion"): (w, -x, -y, -z),
        # Unity: left-handed, x right, y up, z forward: parts (-right, -up, -forward) of a right-handed rotation
        ("unity", "/quaternions"): (w, y, -z, -x),
    }
    for (preset_id, address), parts in sent.items():
        mapper = HeadMapper(TrackerConfig(preset=preset_id))
        assert mapper.feed(address, parts) is Outcome.POSE
        np.testing.assert_allclose(pose_of(mapper), R, atol=1e-6, err_msg=preset_id)


def test_unity_parts_by_hand():
    """Unity, head turned left by 90 degrees: a left-handed yaw of -90 about y up, so y = -sin 45."""
    mapper = HeadMapper(TrackerConfig(preset="unity"))
    mapper.feed("/quaternions", (np.cos(np.pi / 4), 0.0, -np.sin(np.pi / 4), 0.0))
    assert looks(pose_of(mapper)) == pytest.approx((90, 0))


@given(yaw=angle, pitch=tilt, roll=tilt)
@settings(max_examples=60, deadline=None)
def test_scene_rotator_is_the_inverse_of_its_scene(yaw, pitch, roll):
    """IEM turns the scene by Rz(yaw) Ry(pitch) Rx(roll) (right-handed about its axes); the head is the inverse."""
    a, b, c = np.radians([yaw, pitch, roll])
    scene = rotation(a) @ rotation(0, -b) @ rotation(0, 0, c)
    mapper = HeadMapper(TrackerConfig(preset="iem"))
    mapper.feed("/scenerotator/YPR", (yaw, pitch, roll))  # its addresses are case-insensitive
    np.testing.assert_allclose(pose_of(mapper), scene.T, atol=1e-9)


@given(yaw=angle, pitch=tilt, roll=tilt)
@settings(max_examples=40, deadline=None)
def test_angles_one_by_one_equal_angles_together(yaw, pitch, roll):
    together, single = HeadMapper(TrackerConfig()), HeadMapper(TrackerConfig())
    together.feed("/ypr", (yaw, pitch, roll))
    for address, value in (("/yaw", yaw), ("/pitch", pitch), ("/roll", roll)):
        single.feed(address, (value,))
    np.testing.assert_allclose(pose_of(single), pose_of(together), atol=1e-12)


def test_quaternion_parts_wait_for_each_other_and_recover_from_loss():
    mapper = HeadMapper(TrackerConfig())
    assert [mapper.feed(a, (v,)) for a, v in (("/qw", 1.0), ("/qx", 0.0), ("/qz", 0.0))] == [Outcome.PART] * 3
    assert mapper.R_world_head is None
    s = np.sin(np.pi / 4)
    outcomes = [mapper.feed(a, (v,)) for a, v in (("/qw", s), ("/qx", 0), ("/qy", 0), ("/qz", s))]
    assert outcomes == [Outcome.PART] * 3 + [Outcome.POSE]
    assert looks(pose_of(mapper)) == pytest.approx((90, 0))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("address", ["/ypr", "/quaternion"])
def test_inverting_one_axis_changes_only_that_axis(axis, address):
    angles = np.radians([25.0, -15.0, 10.0])
    flags = {name: i == axis for i, name in enumerate(("invert_yaw", "invert_pitch", "invert_roll"))}
    mapper = HeadMapper(TrackerConfig(**flags))
    sent = (25.0, 15.0, 10.0) if address == "/ypr" else quaternion(rotation(*angles))
    mapper.feed(address, sent)
    expected = angles.copy()
    expected[axis] *= -1
    assert yaw_pitch_roll(pose_of(mapper)) == pytest.approx(expected)


@given(yaw=angle, pitch=tilt, roll=tilt)
@settings(max_examples=60, deadline=None)
def test_after_tare_the_pose_is_straight_ahead(yaw, pitch, roll):
    mapper = HeadMapper(TrackerConfig(preset="adm"))
    mapper.feed("/adm/lis/ypr", (yaw, pitch, roll))
    assert mapper.tare()
    np.testing.assert_allclose(pose_of(mapper), np.eye(3), atol=1e-9)
    mapper.clear_tare()
    np.testing.assert_allclose(pose_of(mapper), rotation(*np.radians([yaw, pitch, roll])), atol=1e-9)


@given(north=angle, mount=st.tuples(tilt, tilt), head=st.tuples(angle, st.floats(-80, 80), st.floats(-60, 60)))
@settings(max_examples=60, deadline=None)
def test_tare_removes_a_turned_north_and_a_tilted_mount(north, mount, head):
    """However the tracker sits on the head and wherever its north is, after the tare it reports the head itself."""
    R_tracker_world = rotation(np.radians(north))
    R_head_mount = rotation(0.0, *np.radians(mount))
    R_world_head = rotation(*np.radians(head))

    def sent(R: np.ndarray) -> tuple[float, ...]:
        return quaternion_any(R_tracker_world @ R @ R_head_mount)

    mapper = HeadMapper(TrackerConfig(preset="ambix"))
    mapper.feed("/quaternion", sent(np.eye(3)))
    mapper.tare()
    mapper.feed("/quaternion", sent(R_world_head))
    np.testing.assert_allclose(pose_of(mapper), R_world_head, atol=1e-6)


def quaternion_any(R: np.ndarray) -> tuple[float, ...]:
    """Of any rotation: the eigenvector of the largest eigenvalue of Bar-Itzhack's symmetric matrix."""
    m = R
    k = np.array(
        [
            [m[0, 0] - m[1, 1] - m[2, 2], m[1, 0] + m[0, 1], m[2, 0] + m[0, 2], m[2, 1] - m[1, 2]],
            [m[1, 0] + m[0, 1], m[1, 1] - m[0, 0] - m[2, 2], m[2, 1] + m[1, 2], m[0, 2] - m[2, 0]],
            [m[2, 0] + m[0, 2], m[2, 1] + m[1, 2], m[2, 2] - m[0, 0] - m[1, 1], m[1, 0] - m[0, 1]],
            [m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], m[0, 0] + m[1, 1] + m[2, 2]],
        ]
    )
    _, vectors = np.linalg.eigh(k)
    x, y, z, w = vectors[:, -1]
    return float(w), float(x), float(y), float(z)


@pytest.mark.parametrize("address", ["/ypr", "/quaternion"])
def test_inverting_keeps_pose_and_tare(address):
    """The person tares, finds yaw the wrong way round, inverts it: straight ahead stays straight ahead."""

    def sent(yaw: float) -> tuple[float, ...]:
        return (yaw, 0.0, 0.0) if address == "/ypr" else quaternion(rotation(np.radians(yaw)))

    mapper = HeadMapper(TrackerConfig())
    mapper.feed(address, sent(40.0))
    mapper.tare()
    mapper.feed(address, sent(60.0))
    assert looks(pose_of(mapper)) == pytest.approx((20, 0))
    mapper.set_config(TrackerConfig(invert_yaw=True))
    assert looks(pose_of(mapper)) == pytest.approx((-20, 0))
    mapper.feed(address, sent(40.0))
    assert looks(pose_of(mapper)) == pytest.approx((0, 0))
    mapper.set_config(TrackerConfig(preset="adm"))
    assert mapper.R_world_head is None


@given(st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: np.linalg.norm(q) > 1e-3), st.floats(0.1, 50))
@settings(max_examples=60, deadline=None)
def test_quaternions_of_any_length_give_proper_rotations(q, scale):
    R = head_from_quaternion(*q)
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(R) == pytest.approx(1)
    np.testing.assert_allclose(head_from_quaternion(*(scale * v for v in q)), R, atol=1e-9)
    np.testing.assert_allclose(head_from_quaternion(*(-v for v in q)), R, atol=1e-12)


@pytest.mark.parametrize(
    ("address", "arguments", "outcome"),
    [
        ("/ypr", (1.0, 2.0), Outcome.BAD),
        ("/ypr", (1.0, float("nan"), 0.0), Outcome.BAD),
        ("/ypr", (1.0, float("inf"), 0.0), Outcome.BAD),
        ("/ypr", ("a", 1.0, 2.0), Outcome.BAD),
        ("/ypr", (True, 1.0, 2.0), Outcome.BAD),
        ("/ypr", (), Outcome.BAD),
        ("/quaternion", (0.0, 0.0, 0.0, 0.0), Outcome.BAD),
        ("/quaternion", (1e200, 1e200, 0.0, 0.0), Outcome.POSE),
        ("/quaternion", (1e308, 1e308, 1e308, 1e308), Outcome.BAD),
        ("/fader/1", (0.5,), Outcome.UNKNOWN),
        ("/ypr", (10, 20, 30), Outcome.POSE),  # integers are accepted
        ("/ypr", (10.0, 20.0, 30.0, "extra"), Outcome.POSE),
    ],
)
def test_odd_messages(address, arguments, outcome):
    mapper = HeadMapper(TrackerConfig())
    assert mapper.feed(address, arguments) is outcome
    if outcome is Outcome.POSE:
        np.testing.assert_allclose(pose_of(mapper) @ pose_of(mapper).T, np.eye(3), atol=1e-9)


def test_a_bad_message_leaves_the_pose_alone():
    mapper = HeadMapper(TrackerConfig())
    mapper.feed("/ypr", (30.0, 0.0, 0.0))
    before = pose_of(mapper)
    mapper.feed("/ypr", (99.0, float("nan"), 0.0))
    np.testing.assert_array_equal(pose_of(mapper), before)


def test_learned_routes_and_text_form():
    learned = (Route("/my/head", (Argument(Slot.NONE), Argument(Slot.YAW, -1)), order=AngleOrder.YPR),)
    mapper = HeadMapper(TrackerConfig(preset=LEARNED, learned=learned))
    assert mapper.feed("/my/head", ("ignored", 45)) is Outcome.POSE
    assert looks(pose_of(mapper)) == pytest.approx((-45, 0))
    assert mapper.feed("/ypr", (1, 2, 3)) is Outcome.UNKNOWN
    for argument in learned[0].args:
        assert Argument.parse(argument.text) == argument


def test_presets_are_sound():
    assert len({p.id for p in PRESETS}) == len(PRESETS)
    for known in PRESETS:
        addresses = [r.address.casefold() for r in known.routes]
        assert len(set(addresses)) == len(addresses), known.id
        assert preset(known.id) is known


@pytest.mark.parametrize(
    ("address", "count", "slots"),
    [
        ("/SCENEROTATOR/ypr", 3, [Slot.YAW, Slot.PITCH, Slot.ROLL]),
        ("/x/rpy", 3, [Slot.ROLL, Slot.PITCH, Slot.YAW]),
        ("/x/quat", 4, [Slot.QW, Slot.QX, Slot.QY, Slot.QZ]),
        ("/x/head_yaw", 1, None),
        ("/x/yaw", 1, [Slot.YAW]),
        ("/x/qz", 1, [Slot.QZ]),
        ("/x", 2, None),
    ],
)
def test_suggestions(address, count, slots):
    found = suggest(address, count)
    assert (None if found is None else [a.slot for a in found.args]) == slots


def test_wrong_values_are_refused():
    with pytest.raises(ConfigError, match="0 to 65535, got 70000"):
        TrackerConfig(port=70000)
    with pytest.raises(ConfigError, match="not known"):
        TrackerConfig(preset="nonsense")
    with pytest.raises(ConfigError, match="expected one of"):
        Argument.parse("yow")
    with pytest.raises(ValueError, match="begin with"):
        route("ypr", "yaw")
    with pytest.raises(ValueError, match="at most once"):
        route("/ypr", "yaw yaw")
