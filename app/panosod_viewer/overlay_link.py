"""Brings what there is to lay over the picture to the state: truth, energy map, the model's maps; and joins the panel.

Doors: a prediction hands the maps of the frame on the screen to :meth:`OverlayLink.set_maps` (and a second model's to
:meth:`OverlayLink.set_second_maps`); a tool that paints calls ``state.show_pictures(annotation=canvas.image(),
annotation_look=..., cursor=Cap(...), paths=...)`` itself.
"""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Qt, Signal

from panosod_core.geometry.sphere import azimuth_elevation, direction, direction_to_uv
from panosod_core.media.info import AudioInfo, ClipInfo
from panosod_viewer.captions import caption
from panosod_viewer.clip_session import ClipSession
from panosod_viewer.layers import (
    Comparison,
    LayerChoices,
    LayerId,
    ReadOut,
    SourceId,
    label_at,
    value_at,
)
from panosod_viewer.main_window import MainWindow
from panosod_viewer.overlays import Direction, MapImage, Mark, label_image
from panosod_viewer.panels.layers_panel import NOTES
from panosod_viewer.panels.notice import Notice, Severity
from panosod_viewer.player import Player
from panosod_viewer.pointer_routing import PointerRouter
from panosod_viewer.sound_link import Sounding
from panosod_viewer.split_handle import SplitHandle
from panosod_viewer.state import ViewerState
from panosod_viewer.workers.energy_picture import (
    RANGE_DB,
    EnergyFailed,
    EnergyHeard,
    EnergyMessage,
    EnergyWorker,
)
from panosod_viewer.workers.mailbox import Mailbox
from panosod_viewer.workers.truth import TruthFailed, TruthMessage, TruthShown, TruthWorker, has_truth

if TYPE_CHECKING:
    # Only the names: the modules bring OpenCV, which the window does not wait for.
    from panosod_core.geometry.turning import SphereTurner
    from panosod_core.inference.map_record import MapRecord
    from panosod_core.media.frame import VideoFrame

LOCATION_RGB = (1.0, 0.75, 0.95)
ENERGY_RGB = (0.75, 1.0, 0.85)


class OverlayLink(QObject):
    """Owns the workers of truth and energy; asks them for nothing that nobody looks at.

    Signals:
        notice (object): a Notice.
    """

    notice = Signal(object)
    _mail_came = Signal()

    def __init__(
        self,
        *,
        state: ViewerState,
        player: Player,
        session: ClipSession,
        window: MainWindow,
        router: PointerRouter,
        truth_folder: Path | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._player = player
        self._window = window
        self._panel = window.layers_panel
        self._truth_folder = truth_folder
        self._truth: TruthWorker | None = None
        self._truth_key: int | None = None
        self._truths: dict[int, TruthShown] = {}
        self._heard: EnergyHeard | None = None
        self._energy: EnergyWorker | None = None
        self._sounding: Sounding | None = None
        self._turner: SphereTurner | None = None
        self._clip = 0
        self._mail = Mailbox()
        self._mail_came.connect(self._read_mail, Qt.ConnectionType.QueuedConnection)
        self._mail.attach(self._mail_came.emit)
        router.add(SplitHandle(state, window.page.view, self))
        state.layers_changed.connect(self._layers_changed)
        state.layer_pictures_changed.connect(self._panel.set_pictures)
        state.geometry_changed.connect(lambda _: self._restart_energy())
        self._panel.choices_wished.connect(state.set_layers)
        player.frame_shown.connect(self._frame_shown)
        session.opened.connect(self._opened)
        session.closed.connect(self._closed)
        session.sounding.connect(self._sounding_changed)
        self._show_choices(state.wish.layers)

    def close(self) -> None:
        """End the workers."""
        self._closed()

    def commands(self) -> dict[str, Callable[[], object]]:
        """What the actions of the Layers menu do."""
        toggles = {f"layers.{layer}": partial(self._toggle, layer) for layer in LayerId}
        return toggles | {
            "layers.hide": lambda: self._state.change_layers(are_hidden=not self._state.wish.layers.are_hidden),
            "layers.compare": self._next_comparison,
            "layers.panel": lambda: self._window.show_layers(not self._window.has_layers_open),
        }

    # --- what the model says ---

    def set_maps(self, record: "MapRecord | None") -> None:
        """The maps of the frame on the screen, upright as the predictor keeps them; None where there are none (yet)."""
        if record is None:
            self._state.show_pictures(saliency=None, location=None, location_mark=None)
            return
        location, mark = None, None
        if record.location is not None:
            location = _location_image(record.location, self._upright_to_picture())
            azimuth, elevation = record.summary.peak_azimuth_rad, record.summary.peak_elevation_rad
            if azimuth is not None and elevation is not None:
                x, y, z = (float(c) for c in direction(azimuth, elevation))
                mark = _mark((x, y, z), LOCATION_RGB, "location")
        saliency = _saliency_image(record, self._upright_to_picture())
        self._state.show_pictures(saliency=saliency, location=location, location_mark=mark)

    def set_second_maps(self, record: "MapRecord | None") -> None:
        """The same of the model that is compared with."""
        image = None if record is None else _saliency_image(record, self._upright_to_picture())
        self._state.show_pictures(second=image)

    def set_model_note(self, text: str) -> None:
        """Why there are no maps of the frame, "" where nothing is at work."""
        for layer in (LayerId.SALIENCY, LayerId.LOCATION):
            self._panel.set_note(layer, text or NOTES[layer])

    # --- reading out ---

    def read_out(self, azimuth_deg: float, elevation_deg: float) -> ReadOut:
        """What lies in a direction of the world, from the maps themselves."""
        pictures = self._state.wish.pictures
        world = direction(math.radians(azimuth_deg), math.radians(elevation_deg))
        u, v = (float(c) for c in direction_to_uv(world @ self._state.wish.geometry.R_world_picture))
        label, names = label_at(pictures.annotation, u, v), dict(pictures.names)
        if not label:
            label, names = label_at(pictures.truth, u, v), dict(pictures.truth_names)
        return ReadOut(
            azimuth_deg,
            elevation_deg,
            saliency=value_at(pictures.saliency, u, v),
            energy=value_at(pictures.energy, u, v),
            location=value_at(pictures.location, u, v),
            object_name=names.get(label, f"object {label}") if label else "",
        )

    def describe(self, azimuth_deg: float, elevation_deg: float) -> str:
        """The same in words, without the direction."""
        found = self.read_out(azimuth_deg, elevation_deg)
        parts = []
        if found.saliency is not None:
            image = self._state.wish.pictures.saliency
            how = " (carried along)" if image is not None and image.is_carried else ""
            parts.append(f"saliency {found.saliency:.2f}{how}")
        if found.energy is not None:
            parts.append(f"{found.energy:.0f} dBFS".replace("-", "−"))
        if found.object_name:
            parts.append(found.object_name)
        return " · ".join(parts)

    # --- clip ---

    def _opened(self, info: ClipInfo) -> None:
        self._close_truth()
        self._state.clear_pictures()
        if self._truth_folder is not None or has_truth(info.path):
            self._truth = TruthWorker(info.path, self._poster(), folder=self._truth_folder)
            self._panel.set_note(LayerId.TRUTH, "")
        else:
            self._panel.set_note(LayerId.TRUTH, "None beside this clip")
        self._ask()

    def _closed(self) -> None:
        self._clip += 1
        self._close_truth()
        self._sounding = None
        self._restart_energy()
        self._state.clear_pictures()

    def _close_truth(self) -> None:
        if self._truth is not None:
            self._truth.close()
        self._truth = self._truth_key = None
        self._truths.clear()

    def _sounding_changed(self, sounding: Sounding) -> None:
        self._sounding = sounding
        self._restart_energy()

    def _restart_energy(self) -> None:
        if self._energy is not None:
            self._energy.close()
            self._energy = None
        self._heard = None
        self._state.show_pictures(energy=None, energy_mark=None)
        sounding = self._sounding
        if sounding is None or sounding.audio is None:
            self._panel.set_note(LayerId.ENERGY, "No sound")
            return
        if not _has_field(sounding.audio):
            self._panel.set_note(LayerId.ENERGY, "This sound has no directions")
            return
        self._panel.set_note(LayerId.ENERGY, "")
        self._energy = EnergyWorker(
            sounding.path,
            sounding.audio,
            self._poster(),
            clock_origin_s=sounding.origin_s,
            R_world_picture=self._state.wish.geometry.R_world_picture,
        )
        self._ask()

    # --- asking and hearing ---

    def _frame_shown(self, frame: "VideoFrame | None") -> None:
        if frame is not None:
            self._ask()

    def _ask(self) -> None:
        """Ask the workers about the frame on the screen, for the layers that are looked at."""
        frame = self._player.frame
        if frame is None:
            return
        choices = self._state.wish.layers
        if self._truth is not None and _looks_at_truth(choices):
            self._show_truth_of(frame.index)
        if self._heard is not None:
            self._show_energy(self._heard)
        if self._energy is not None and choices.of(LayerId.ENERGY).is_shown and not choices.are_hidden:
            self._energy.want(frame.time_s)

    def _poster(self) -> Callable[[TruthMessage | EnergyMessage], None]:
        """Where a worker of this clip posts; letters about an earlier clip are dropped."""
        clip, mail = self._clip, self._mail
        return lambda letter: mail.post((clip, letter))

    def _read_mail(self) -> None:
        for clip, letter in self._mail.take():
            if clip == self._clip:
                self._handle(letter)

    def _handle(self, letter: TruthMessage | EnergyMessage) -> None:
        if isinstance(letter, TruthShown):
            self._truths[letter.index] = letter
            if self._player.frame is not None and self._player.frame.index == letter.index:
                self._show_truth_of(letter.index)
        elif isinstance(letter, EnergyHeard):
            # While the clip plays it waits for the next frame: a painting of its own would cost as much as the frame's.
            self._heard = letter
            if not self._player.transport.is_playing:
                self._show_energy(letter)
        elif isinstance(letter, TruthFailed):
            self._panel.set_note(LayerId.TRUTH, letter.text)
            self.notice.emit(Notice(letter.text, Severity.WARNING, key="truth"))
        elif isinstance(letter, EnergyFailed):
            self._panel.set_note(LayerId.ENERGY, letter.text)

    def _show_truth_of(self, index: int) -> None:
        """Show the truth about the frame on the screen; while the clip plays, have the next one read meanwhile."""
        assert self._truth is not None
        letter = self._truths.get(index)
        if letter is None:
            self._truth.want(index)
            return
        self._show_truth(letter)
        self._truths = {i: known for i, known in self._truths.items() if index <= i <= index + 1}
        if self._player.transport.is_playing and index + 1 not in self._truths:
            self._truth.want(index + 1)

    def _show_truth(self, letter: TruthShown) -> None:
        if letter.labels is None:
            self._truth_key = None
            self._panel.set_note(LayerId.TRUTH, "Nothing known of this frame")
            self._state.show_pictures(truth=None, truth_names=letter.names)
        elif letter.key_index != self._truth_key or self._state.wish.pictures.truth is None:
            self._truth_key = letter.key_index
            self._state.show_pictures(truth=label_image(letter.labels), truth_names=letter.names)

    def _show_energy(self, letter: EnergyHeard) -> None:
        self._heard = None
        if letter.levels is None:
            self._panel.set_note(LayerId.ENERGY, "Silence")
            self._state.show_pictures(energy=None, energy_mark=None)
            return
        image = MapImage(letter.levels, letter.peak_db - RANGE_DB, letter.peak_db, "dBFS", letter.peak)
        mark = _mark(letter.peak, ENERGY_RGB, "energy") if letter.peak is not None else None
        self._state.show_pictures(energy=image, energy_mark=mark)

    # --- choices ---

    def _toggle(self, layer: LayerId) -> None:
        self._state.set_layers(self._state.wish.layers.toggled(layer))

    def _next_comparison(self) -> None:
        order = list(Comparison)
        now = self._state.wish.layers.comparison
        self._state.change_layers(comparison=order[(order.index(now) + 1) % len(order)])

    def _layers_changed(self, choices: LayerChoices) -> None:
        self._show_choices(choices)
        self._ask()

    def _show_choices(self, choices: LayerChoices) -> None:
        self._panel.set_choices(choices)
        actions = self._window.actions_by_id
        for layer, choice in choices.layers:
            actions[f"layers.{layer}"].setChecked(choice.is_shown and not choices.are_hidden)
        actions["layers.hide"].setChecked(choices.are_hidden)

    def _upright_to_picture(self) -> "SphereTurner":
        """Turns the model's maps, which are upright, into the frame of the picture that they are drawn over."""
        # With OpenCV, which the window does not wait for; whoever has maps has loaded it.
        from panosod_core.geometry.turning import SphereTurner

        R_picture_world = self._state.wish.geometry.R_world_picture.T
        if self._turner is None or not np.array_equal(self._turner.R_to_from, R_picture_world):
            self._turner = SphereTurner(R_picture_world)
        return self._turner


def _looks_at_truth(choices: LayerChoices) -> bool:
    is_compared = choices.comparison is not Comparison.OFF and SourceId.TRUTH in (choices.first, choices.second)
    return not choices.are_hidden and (is_compared or choices.of(LayerId.TRUTH).is_shown)


def _has_field(audio: AudioInfo) -> bool:
    return audio.format.is_ambisonic and bool(audio.order)


def _saliency_image(record: "MapRecord", turner: "SphereTurner") -> MapImage:
    return MapImage(turner.values(record.saliency), unit="probability", is_carried=record.carried > 0)


def _location_image(location: "np.ndarray", turner: "SphereTurner") -> MapImage:
    low, high = float(location.min()), float(location.max())
    levels = np.zeros(location.shape, np.uint8)
    if high > low:
        levels = np.asarray(np.rint((location - low) * (255 / (high - low))), np.uint8)
    return MapImage(turner.values(levels), low, high, "activation")


def _mark(toward: Direction, rgb: tuple[float, float, float], of: str) -> Mark:
    azimuth, elevation = azimuth_elevation(toward)
    words = f"{of}  az {_degrees(float(azimuth))}  el {_degrees(float(elevation))}"
    return Mark(toward, rgb, caption=caption(words))


def _degrees(angle_rad: float) -> str:
    return f"{round(math.degrees(angle_rad)) + 0:d}°".replace("-", "−")
