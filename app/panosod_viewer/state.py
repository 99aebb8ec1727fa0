"""What the person wants, in one place, with a signal for each thing that others follow.

Setters down, signals up: a setter that changes nothing says nothing. The picture is resolved from
:attr:`ViewerState.wish` by :func:`panosod_viewer.resolving.resolve_scene`.
"""

from dataclasses import replace
from typing import Any

from PySide6.QtCore import QObject, Signal

from panosod_core.geometry.picture import PictureGeometry
from panosod_core.geometry.projection import View
from panosod_core.media.frame import VideoFrame
from panosod_viewer.layers import LayerChoices, LayerPictures
from panosod_viewer.resolving import ViewLayout, Wish
from panosod_viewer.scene import FlatView


class ViewerState(QObject):
    """The person's wishes.

    Signals:
        wish_changed (): something of :attr:`wish` changed; many may follow each other before the next paint.
        look_changed (View): the look-around view turned or zoomed; the sound turns with it.
        layout_changed (ViewLayout), geometry_changed (PictureGeometry).
        volume_changed (float, bool): loudness 0..1, muted.
        held_sound_changed (bool): whether sound goes on while paused.
        layers_changed (LayerChoices): what is wanted over the picture.
        layer_pictures_changed (LayerPictures): what there is to lay over it.
        auto_quality_changed (bool): whether the render scale follows the machine's speed.
    """

    wish_changed = Signal()
    look_changed = Signal(object)
    layout_changed = Signal(object)
    geometry_changed = Signal(object)
    volume_changed = Signal(float, bool)
    held_sound_changed = Signal(bool)
    layers_changed = Signal(object)
    layer_pictures_changed = Signal(object)
    auto_quality_changed = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._wish = Wish()
        self._volume = 0.8
        self._is_muted = False
        self._has_held_sound = False
        self._has_auto_quality = True

    @property
    def wish(self) -> Wish:
        """All that the picture depends on."""
        return self._wish

    @property
    def volume(self) -> float:
        """Loudness, 0..1."""
        return self._volume

    @property
    def is_muted(self) -> bool:
        """Silent without losing the volume."""
        return self._is_muted

    @property
    def has_held_sound(self) -> bool:
        """Sound goes on while paused."""
        return self._has_held_sound

    @property
    def has_auto_quality(self) -> bool:
        """The render scale follows the machine's speed."""
        return self._has_auto_quality

    def set_frame(self, frame: VideoFrame | None) -> None:
        """Show another picture."""
        if frame is not self._wish.frame:
            self._change(frame=frame)

    def set_geometry(self, geometry: PictureGeometry) -> None:
        """How the picture covers the sphere."""
        if geometry != self._wish.geometry:
            self._change(geometry=geometry)
            self.geometry_changed.emit(geometry)

    def set_layout(self, layout: ViewLayout) -> None:
        """Open these panes."""
        if layout is not self._wish.layout:
            self._change(layout=layout)
            self.layout_changed.emit(layout)

    def set_look(self, view: View) -> None:
        """Turn or zoom the look-around view."""
        if view != self._wish.look:
            self._change(look=view)
            self.look_changed.emit(view)

    def set_map_view(self, view: View) -> None:
        """Pan or zoom the flat map."""
        if view != self._wish.map_view:
            self._change(map_view=view)

    def set_flat(self, flat: FlatView) -> None:
        """Pan or zoom a flat clip."""
        if flat != self._wish.flat:
            self._change(flat=flat)

    def set_crosshair(self, direction: tuple[float, float, float] | None) -> None:
        """Mark a direction."""
        if direction != self._wish.crosshair:
            self._change(crosshair=direction)

    def set_background(self, rgb: tuple[float, float, float]) -> None:
        """Colour where the picture does not reach."""
        if rgb != self._wish.background_rgb:
            self._change(background_rgb=rgb)

    def set_render_scale(self, scale: float) -> None:
        """Internal resolution relative to the window."""
        if scale != self._wish.render_scale:
            self._change(render_scale=scale)

    def set_layers(self, layers: LayerChoices) -> None:
        """What is wanted over the picture: eyes, opacities, threshold, comparison."""
        if layers != self._wish.layers:
            self._change(layers=layers)
            self.layers_changed.emit(layers)

    def change_layers(self, **fields: Any) -> None:
        """The same with some fields of :class:`LayerChoices` changed."""
        self.set_layers(replace(self._wish.layers, **fields))

    def show_pictures(self, **fields: Any) -> None:
        """Lay other pictures over the frame: fields of :class:`LayerPictures` by name; None takes one away."""
        pictures = replace(self._wish.pictures, **fields)
        if pictures != self._wish.pictures:
            self._change(pictures=pictures)
            self.layer_pictures_changed.emit(pictures)

    def clear_pictures(self) -> None:
        """Nothing to lay over the picture: another clip, or none."""
        if self._wish.pictures != LayerPictures():
            self._change(pictures=LayerPictures())
            self.layer_pictures_changed.emit(self._wish.pictures)

    def set_volume(self, volume: float, *, muted: bool | None = None) -> None:
        """Loudness 0..1, and whether it is muted (as it was where None)."""
        wanted = (min(1.0, max(0.0, volume)), self._is_muted if muted is None else muted)
        if wanted != (self._volume, self._is_muted):
            self._volume, self._is_muted = wanted
            self.volume_changed.emit(*wanted)

    def set_held_sound(self, on: bool) -> None:
        """Whether sound goes on while paused."""
        if on != self._has_held_sound:
            self._has_held_sound = on
            self.held_sound_changed.emit(on)

    def set_auto_quality(self, on: bool) -> None:
        """Whether the render scale follows the machine's speed."""
        if on != self._has_auto_quality:
            self._has_auto_quality = on
            self.auto_quality_changed.emit(on)

    def _change(self, **fields: Any) -> None:
        self._wish = replace(self._wish, **fields)
        self.wish_changed.emit()
