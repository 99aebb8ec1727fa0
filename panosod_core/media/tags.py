"""What the headers of a clip say about the sphere, before anything is decided. Plain frozen values.

The container readers (:mod:`~panosod_core.media.isobmff_tracks`, :mod:`~panosod_core.media.matroska`, ...) fill these;
:mod:`~panosod_core.media.picture_rules` and :mod:`~panosod_core.media.sound_rules` decide between them. Angles are
panosod's (yaw left +, pitch up +, roll clockwise +) in degrees; ``raw`` keeps what the file holds, as text.
"""

from dataclasses import dataclass, field

from panosod_core.geometry.picture import FULL_SPHERE, Bounds, PictureProjection, StereoMode

NO_ROTATION = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class ProjectionTag:
    """A projection claimed by spherical V2 (`sv3d`) or a Matroska ``Projection`` element.

    Attributes:
        place: "sv3d" or "Matroska Projection".
        projection: what it says.
        bounds: what of the sphere one eye covers.
        pose_deg: yaw, pitch, roll of the picture, panosod's signs.
        detail: cubemap layout, number of mesh bytes and the like, for people.
        tool: who wrote it (`svhd`), or "".
        problems: parts that were malformed and therefore ignored.
    """

    place: str
    projection: PictureProjection
    bounds: Bounds = FULL_SPHERE
    pose_deg: tuple[float, float, float] = NO_ROTATION
    detail: str = ""
    tool: str = ""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class StereoTag:
    """A stereo packing claimed by `st3d`, Matroska ``StereoMode`` or Apple's `vexu`.

    Attributes:
        place: which one.
        mode: the packing, None where the claimed one cannot be shown (custom meshes, anaglyph, ...).
        eyes_swapped: the right eye comes first.
        raw: the claimed value as text.
    """

    place: str
    mode: StereoMode | None
    eyes_swapped: bool = False
    raw: str = ""


@dataclass(frozen=True)
class V1Tag:
    """Spherical V1 (the `uuid` box or the Matroska tag with RDF/XML).

    Attributes:
        spherical, stitched: both must be true for the tag to count.
        projection: the text of ProjectionType.
        software: StitchingSoftware.
        stereo: the packing, None where none is named.
        bounds: of the cropped area, None where none is given.
        initial_view_deg: yaw, pitch, roll to look at first, panosod's signs.
        problems: parts that were malformed and therefore ignored.
    """

    spherical: bool
    stitched: bool
    projection: str
    software: str = ""
    stereo: StereoMode | None = None
    bounds: Bounds | None = None
    initial_view_deg: tuple[float, float, float] = NO_ROTATION
    problems: tuple[str, ...] = ()

    @property
    def counts(self) -> bool:
        """True when the picture is to be taken as spherical."""
        return self.spherical and self.stitched and self.projection == "equirectangular"


@dataclass(frozen=True)
class Sa3dTag:
    """The SA3D box as it lies in the file.

    Attributes:
        version, head_locked, ambisonic_type, order, ordering, normalization, channels: its fields.
        component_of_channel: for each channel of the track, the component it carries (ACN 0.., then L, R).
        problem: why it cannot be used, or "".
    """

    version: int
    head_locked: bool
    ambisonic_type: int
    order: int
    ordering: int
    normalization: int
    channels: int
    component_of_channel: tuple[int, ...]
    problem: str = ""


@dataclass(frozen=True)
class OpusTag:
    """An Opus header: `OpusHead` or `dOps`.

    Attributes:
        family: channel mapping family; 2 and 3 are ambisonic (RFC 8486).
        channels: of the decoded sound.
        place: where it was read.
    """

    family: int
    channels: int
    place: str = "Opus header"


@dataclass(frozen=True)
class ColourTag:
    """Colour as the container says it (`colr`/nclx, nclc, Matroska ``Colour``), ITU-T H.273 code points.

    Attributes:
        place: which one.
        matrix, transfer, primaries: code points, None where not given.
        full_range: True or False, None where not given.
    """

    place: str
    matrix: int | None = None
    transfer: int | None = None
    primaries: int | None = None
    full_range: bool | None = None


@dataclass(frozen=True)
class TrackTags:
    """Everything one track's header says that FFmpeg hides or drops.

    Attributes:
        kind: "video", "audio" or "other".
        track_id: the container's number of the track, None where it has none.
        entry: the sample entry's four characters or the Matroska codec id.
        is_vfr: True or False where the header shows it, None where it does not.
    """

    kind: str
    track_id: int | None = None
    entry: str = ""
    projection: ProjectionTag | None = None
    stereo: StereoTag | None = None
    v1: V1Tag | None = None
    sa3d: Sa3dTag | None = None
    opus: OpusTag | None = None
    colour: ColourTag | None = None
    is_vfr: bool | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class ContainerTags:
    """The tracks in file order, and what was odd about the file as a whole."""

    tracks: tuple[TrackTags, ...] = ()
    problems: tuple[str, ...] = field(default=())

    def of_kind(self, kind: str) -> tuple[TrackTags, ...]:
        """The tracks of one kind, in file order."""
        return tuple(t for t in self.tracks if t.kind == kind)
