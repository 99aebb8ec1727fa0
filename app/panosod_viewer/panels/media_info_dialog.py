"""What is known of the clip: what was found, and beside it what each place in the file claims."""

from collections.abc import Iterator

from PySide6.QtCore import Qt
from PySide6.QtGui import QBrush, QColor, QGuiApplication, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSplitter,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from panosod_core.geometry.picture import PictureGeometry, StereoMode
from panosod_core.media.info import AudioInfo, ClipInfo, VideoInfo
from panosod_viewer.theme import HIT_PX, SPACING_PX, theme_of
from panosod_viewer.widgets.buttons import IconPushButton
from panosod_viewer.widgets.labels import set_role
from panosod_viewer.widgets.timecode import timecode
from panosod_viewer.wording import claim_text, colour_text, container_text, picture_text, sound_text

_EYES = {StereoMode.MONO: "one", StereoMode.TOP_BOTTOM: "two, top-bottom", StereoMode.LEFT_RIGHT: "two, side by side"}


def _angles(yaw: float, pitch: float, roll: float) -> str:
    return f"yaw {yaw:g}°, pitch {pitch:g}°, roll {roll:g}°".replace("-", "−")


def video_rows(video: VideoInfo) -> Iterator[tuple[str, str]]:
    """(property, value) of the picture, most telling first."""
    yield "Projection", picture_text(PictureGeometry(projection=video.projection))
    yield "Decided by", video.source
    yield "Eyes", _EYES[video.stereo] + (", right eye first" if video.eyes_swapped else "")
    b = video.bounds
    if not b.is_full:
        yield (
            "Covers",
            f"cropped by {b.left:.1%} left, {b.top:.1%} top, {b.right:.1%} right, {b.bottom:.1%} bottom",
        )
    if any(video.pose_deg):
        yield "Pose", _angles(*video.pose_deg)
    if any(video.initial_view_deg):
        yield "First view", _angles(*video.initial_view_deg)
    yield "Size", f"{video.width} × {video.height} pixels"
    if video.fps is not None:
        varies = {True: ", varies", False: ", constant", None: ""}[video.is_vfr]
        yield "Frame rate", f"{float(video.fps):.6g} a second ({video.fps}){varies}"
    yield "Codec", f"{video.codec}, {video.pix_fmt}"
    yield "Colour", colour_text(video)
    yield "Duration", timecode(video.duration_s)
    if video.frame_count is not None:
        yield "Frames", str(video.frame_count)


def audio_rows(audio: AudioInfo) -> Iterator[tuple[str, str]]:
    """(property, value) of the sound, most telling first."""
    yield "Format", sound_text(audio)
    yield "Decided by", audio.source
    yield "Channels", f"{audio.channels}" + (f" ({audio.layout})" if audio.layout else "")
    yield "Channel map", " ".join(map(str, audio.channel_map))
    yield "Sample rate", f"{audio.sample_rate_hz / 1000:g} kHz"
    yield "Codec", audio.codec
    if audio.start_s:
        yield "Begins at", timecode(audio.start_s)
    yield "Duration", timecode(audio.duration_s)
    for warning in audio.warnings:
        yield "Doubt", warning


def report(info: ClipInfo) -> str:
    """All of it as text, for a bug report or a mail."""
    lines = [
        str(info.path),
        f"kind of file: {container_text(info.container)} ({info.container})",
        f"duration: {timecode(info.duration_s)}",
    ]
    for name, rows in _sections(info):
        lines += ["", name, *(f"  {key}: {value}" for key, value in rows)]
    lines += ["", "What the file claims"]
    lines += [
        f"  {c.source}: {c.key} = {c.value}" + (f"  [not used: {c.note}]" if c.note else "") for c in info.claims
    ] or ["  nothing"]
    return "\n".join(lines) + "\n"


def _sections(info: ClipInfo) -> list[tuple[str, list[tuple[str, str]]]]:
    picture = [("None", "this file has no picture")] if info.video is None else list(video_rows(info.video))
    sound = [("None", "this file has no sound")] if info.audio is None else list(audio_rows(info.audio))
    return [("Picture", picture), ("Sound", sound)]


class MediaInfoDialog(QDialog):
    """Shows one :class:`ClipInfo`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._info: ClipInfo | None = None
        self.setWindowTitle("Media information")
        self.setModal(False)
        # As tall as both tables of an ordinary clip, where the screen is.
        self.resize(720, min(960, self.screen().availableGeometry().height() - 80))
        self._path = QLabel()
        self._path.setTextFormat(Qt.TextFormat.PlainText)
        self._path.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._path.setWordWrap(True)
        self._path.setAccessibleName("File")
        self._found = self._tree("What was found", ["", ""], stretch=1)
        self._claims = self._tree("What the file claims", ["Place", "Speaks of", "Says", "Used"], stretch=2)
        self._splitter = QSplitter(Qt.Orientation.Vertical)
        for title, tree in (("What was found", self._found), ("What the file claims", self._claims)):
            self._splitter.addWidget(_titled(title, tree))
        self._splitter.setChildrenCollapsible(False)
        self._splitter.setSizes([600, 280])
        self._copy = IconPushButton("copy", "Copy as text")
        self._copy.clicked.connect(self.copy)
        close = QPushButton("Close")
        close.setMinimumHeight(HIT_PX)
        close.setDefault(True)
        close.clicked.connect(self.close)
        buttons = QHBoxLayout()
        buttons.addWidget(self._copy)
        buttons.addStretch()
        buttons.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setSpacing(SPACING_PX)
        layout.addWidget(self._path)
        layout.addWidget(self._splitter, 1)
        layout.addLayout(buttons)
        self.set_clip(None)

    def set_clip(self, info: ClipInfo | None) -> None:
        """Show what is known of a clip, or that none is open."""
        self._info = info
        self._found.clear()
        self._claims.clear()
        self._copy.setEnabled(info is not None)
        if info is None:
            self._path.setText("No clip is open.")
            return
        self._path.setText(f"{info.path}\n{container_text(info.container)}, {timecode(info.duration_s)}")
        for name, rows in _sections(info):
            heading = QTreeWidgetItem(self._found, [name])
            heading.setFirstColumnSpanned(True)
            font = heading.font(0)
            font.setBold(True)
            heading.setFont(0, font)
            for key, value in rows:
                item = QTreeWidgetItem(heading, [key, value])
                item.setToolTip(1, value)
        self._found.expandAll()
        for claim in info.claims:
            item = QTreeWidgetItem(
                self._claims, [claim.source, claim_text(claim.key), claim.value, claim.note or "yes"]
            )
            for column in range(4):
                item.setToolTip(column, item.text(column))
        if not info.claims:
            QTreeWidgetItem(self._claims, ["The file says nothing of projection or sound."]).setFirstColumnSpanned(True)
        self._colour()

    def copy(self) -> None:
        """Put the report on the clipboard."""
        if self._info is not None:
            QGuiApplication.clipboard().setText(report(self._info))

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Colours may have changed since the clip was set."""
        super().showEvent(event)
        self._colour()

    def _colour(self) -> None:
        theme = theme_of(self.palette())
        for i in range(self._claims.topLevelItemCount()):
            item = self._claims.topLevelItem(i)
            if item is not None and item.text(3) not in ("", "yes"):
                item.setForeground(3, QBrush(QColor(theme.warning)))

    @staticmethod
    def _tree(name: str, columns: list[str], *, stretch: int) -> QTreeWidget:
        tree = QTreeWidget()
        tree.setAccessibleName(name)
        tree.setColumnCount(len(columns))
        tree.setHeaderLabels(columns)
        tree.setHeaderHidden(not any(columns))
        tree.setRootIsDecorated(False)
        tree.setIndentation(SPACING_PX)
        tree.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        tree.setTextElideMode(Qt.TextElideMode.ElideRight)
        for i in range(len(columns)):
            mode = QHeaderView.ResizeMode.Stretch if i == stretch else QHeaderView.ResizeMode.ResizeToContents
            tree.header().setSectionResizeMode(i, mode)
        return tree


def _titled(title: str, widget: QWidget) -> QWidget:
    box = QWidget()
    layout = QVBoxLayout(box)
    layout.setContentsMargins(0, 0, 0, 0)
    label = QLabel(title)
    label.setBuddy(widget)
    set_role(label, "heading")
    layout.addWidget(label)
    layout.addWidget(widget)
    return box
