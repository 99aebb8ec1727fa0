"""The OSC dialects of head trackers seen in the wild, in our signs.

Sources: SPARTA/SAF ``yawPitchRoll2Rzyx`` (head left, nose down, right ear down positive); IEM SceneRotator
``calcRotationMatrix`` (its angles and quaternion turn the *scene*: the head is the inverse; its default sequence is
roll, pitch, yaw about fixed axes); nvsonic head tracker ``presets.xml`` (quaternions of ambix, IEM, Unity relative to
each other, AmbiHead's 0..1 range); EAR Production Suite's OSC receiver (Mach1, SALTE, 3D Tune-In, head_pose);
ADM-OSC discussion (left, up, right ear down positive). Where only one sender was found, or two disagree, the preset
says so: ``doubt`` is shown beside the per-axis invert switches.
"""

from dataclasses import dataclass

from panosod_viewer.tracker.route import AngleOrder, AngleUnit, Route, route

LEARNED = "learned"
"""Id of the preset whose routes the person assigned in learn mode."""


@dataclass(frozen=True)
class Preset:
    """A dialect.

    Attributes:
        id: kept in the settings file.
        label: for people.
        routes: all addresses it understands.
        port: where its senders aim by default, None where none is customary.
        doubt: what is not certain about its signs, or "".
    """

    id: str
    label: str
    routes: tuple[Route, ...]
    port: int | None = None
    doubt: str = ""


_RPY = AngleOrder.RPY
_SPARTA = (
    route("/ypr", "yaw -pitch roll"),
    route("/yaw", "yaw"),
    route("/pitch", "-pitch"),
    route("/roll", "roll"),
)
_HEAD_QUATERNION = (
    route("/quaternion", "qw qx qy qz"),
    route("/qw", "qw"),
    route("/qx", "qx"),
    route("/qy", "qy"),
    route("/qz", "qz"),
)
_IEM = (
    route("/SceneRotator/ypr", "-yaw pitch -roll", order=_RPY),
    route("/SceneRotator/yaw", "-yaw", order=_RPY),
    route("/SceneRotator/pitch", "pitch", order=_RPY),
    route("/SceneRotator/roll", "-roll", order=_RPY),
    route("/SceneRotator/quaternions", "qw -qx -qy -qz"),
    route("/SceneRotator/qw", "qw"),
    route("/SceneRotator/qx", "-qx"),
    route("/SceneRotator/qy", "-qy"),
    route("/SceneRotator/qz", "-qz"),
)
_ADM = (
    route("/adm/lis/ypr", "yaw pitch roll"),
    route("/adm/lis/yaw", "yaw"),
    route("/adm/lis/pitch", "pitch"),
    route("/adm/lis/roll", "roll"),
)
_MACH1 = (route("/orientation", "-yaw pitch roll"),)
_SALTE = (route("/rendering/htrpy", "roll pitch -yaw"),)
_TUNE_IN = (route("/3DTI-OSC/receiver/pry", "pitch roll -yaw", unit=AngleUnit.RADIANS),)
_VIRTUOSO = (route("/Virtuoso/quat", "qw qx qy qz"),)
_UNITY = (route("/quaternions", "qw qy -qz -qx"),)
_HEAD_POSE = (route("/head_pose", "- - - - -pitch yaw -roll"),)

PRESETS: tuple[Preset, ...] = (
    Preset(
        "auto",
        "Automatic: every known address",
        _SPARTA + _HEAD_QUATERNION + _IEM + _ADM + _MACH1 + _SALTE + _TUNE_IN + _VIRTUOSO + _UNITY + _HEAD_POSE,
        9000,
        "Senders of /ypr disagree: SPARTA's signs are assumed.",
    ),
    Preset("sparta", "SPARTA, COMPASS, atmoky: /ypr", _SPARTA, 9000),
    Preset("iem", "IEM SceneRotator: /SceneRotator/…", _IEM, 7000),
    Preset("ambix", "ambix_rotator: /quaternion of the head", _HEAD_QUATERNION, 7120),
    Preset(
        "scene-quaternion",
        "SPARTA Rotator: /quaternion of the scene",
        (
            route("/quaternion", "qw -qx -qy -qz"),
            route("/qw", "qw"),
            route("/qx", "-qx"),
            route("/qy", "-qy"),
            route("/qz", "-qz"),
        ),
        9000,
        "One sender was found; if everything moves the wrong way, take the ambix preset.",
    ),
    Preset("virtuoso", "APL Virtuoso: /Virtuoso/quat", _VIRTUOSO, 8000),
    Preset("unity", "Unity bridge: /quaternions", _UNITY, None, "One sender was found."),
    Preset("adm", "ADM-OSC: /adm/lis/ypr", _ADM, 9000, "After the proposal's text; few senders exist."),
    Preset("mach1", "Mach1 Monitor: /orientation", _MACH1, 9898),
    Preset("salte", "AudioLab SALTE: /rendering/htrpy", _SALTE, 9000, "Order of the angles is assumed."),
    Preset("3dti", "3D Tune-In: /3DTI-OSC/receiver/pry", _TUNE_IN, 12300, "Order of the angles is assumed."),
    Preset("head-pose", "Nuendo, ambix: /head_pose", _HEAD_POSE, 7000),
    Preset(
        "right-handed-ypr",
        "dearVR, Dolby, SPAT, DaVinci: /ypr with right positive",
        (route("/ypr", "-yaw pitch roll"), route("/room/1/ypr", "-yaw pitch roll")),
        8000,
        "One sender was found.",
    ),
    Preset(
        "ambihead",
        "AmbiHead HD: /yaw /pitch /roll from 0 to 1",
        (
            route("/yaw", "yaw", unit=AngleUnit.UNIT),
            route("/pitch", "pitch", unit=AngleUnit.UNIT),
            route("/roll", "-roll", unit=AngleUnit.UNIT),
        ),
        4040,
        "Two senders disagree about pitch.",
    ),
)


def preset(preset_id: str) -> Preset | None:
    """The preset of that id, None where there is none (also for :data:`LEARNED`)."""
    return next((p for p in PRESETS if p.id == preset_id), None)


def suggest(address: str, count: int) -> Route | None:
    """A first guess for an address met in learn mode, None where nothing fits.

    Args:
        address: as it came.
        count: how many numbers its messages carry.
    """
    for known in PRESETS[0].routes:
        if known.address.casefold() == address.casefold() and known.needed <= count:
            return known
    last = address.casefold().rsplit("/", 1)[-1]
    orders = {"rpy": "roll pitch yaw", "pry": "pitch roll yaw", "pyr": "pitch yaw roll"}
    words = next((args for name, args in orders.items() if name in last), "yaw pitch roll")
    single = {"yaw": "yaw", "pitch": "pitch", "roll": "roll", "w": "qw", "x": "qx", "y": "qy", "z": "qz"}
    if count == 1 and last.removeprefix("q") in single:
        return route(address, single[last.removeprefix("q")])
    if count == 3:
        return route(address, words)
    if count == 4:
        return route(address, "qw qx qy qz")
    return None
