"""What a stream asks of a network, whatever runs it: pictures and sound go in as numpy arrays, maps come out."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from panosod_core.model.config import ModelConfig


class EncodedFrame(NamedTuple):
    """What an engine knows of one frame by itself, in forms of its own that only it can read."""

    own: object
    """For the frame's own map. Holds the fine features, which weigh; drop it when the map is made."""
    summary: object | None
    """What the frame tells its neighbours: small. None in a network without the temporal block."""
    features: object | None
    """For windows with a mask, of which the teacher sees every frame; None in an engine without a teacher."""


class CentreMap(NamedTuple):
    """The map of the middle frame of a window."""

    saliency: NDArray[np.float32]
    """(H, W), probability a pixel, in the model's size."""
    location: NDArray[np.float32] | None
    """(h, w) on the feature grid, phi(F_loc), not normalised; None in a network without the location branch."""


@runtime_checkable
class Engine(Protocol):
    """A network at work on a device. Not for several threads at once."""

    @property
    def config(self) -> ModelConfig:
        """Of the network."""
        ...

    @property
    def model_id(self) -> str:
        """Hexadecimal SHA-256 of the weights' file; "" for a network that came from no file."""
        ...

    @property
    def description(self) -> str:
        """What runs it, for people: runtime, device, precision."""
        ...

    @property
    def guided(self) -> bool:
        """True where :meth:`guided_map` can be asked."""
        ...

    def encode_frame(self, picture: NDArray[np.uint8]) -> EncodedFrame:
        """Work one frame through backbone, transformer and summary.

        Args:
            picture: (height_px, width_px, 3) RGB, contiguous, in the model's size.

        Returns:
            What the other methods take.
        """
        ...

    def encode_sound(self, window: NDArray[np.float32]) -> object:
        """Work the sound of one window through the acoustic encoder.

        Args:
            window: (sound_channels, sound_samples) ACN/SN3D at the model's rate, centred on the frame.

        Returns:
            What the other methods take.
        """
        ...

    def centre_map(self, own: object, summaries: Sequence[object], heard: object | None) -> CentreMap:
        """The map of the middle frame of a window.

        Args:
            own: of the middle frame.
            summaries: of all frames of the window, in order; empty without the temporal block.
            heard: its sound; None for a network without sound.

        Returns:
            The map.
        """
        ...

    def guided_map(
        self, own: object, features: Sequence[object], heard: object, masks: Sequence[NDArray[np.float32] | None]
    ) -> CentreMap:
        """The same by the teacher, where masks of some frames of the window are known.

        Args:
            own: of the middle frame.
            features: of all frames of the window.
            heard: its sound.
            masks: (height_px, width_px) in 0..1 for each frame of the window, or None where none is known.

        Returns:
            The map.

        Raises:
            ValueError: an engine that is not guided.
        """
        ...
