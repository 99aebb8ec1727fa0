"""Every switch of the network, in one frozen value that checks itself. No torch is imported here."""

import math
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from panosod_core.errors import ConfigError


class Sound(StrEnum):
    """What the network hears (Table 7)."""

    NONE = "none"
    MONO = "mono"
    """W alone, the omnidirectional channel."""
    FOA = "foa"
    """W, Y, Z, X."""


class Backbone(StrEnum):
    """The residual network under the visual encoder; parameter names are torchvision's."""

    RESNET18 = "resnet18"
    RESNET34 = "resnet34"
    RESNET50 = "resnet50"


class VisualTransformer(StrEnum):
    """The transformer on top of the backbone (Table 3)."""

    OFF = "off"
    PLANE = "plane"
    """With the regular two-dimensional sine encoding."""
    SPHERE = "sphere"
    """With the spherical positional encoding."""


class Padding(StrEnum):
    """What lies beyond the edges of an equirectangular picture."""

    ZERO = "zero"
    """Nothing, as in any flat picture."""
    SEAM = "seam"
    """Left and right continue into each other; nothing beyond the poles."""
    SPHERE = "sphere"
    """As seam, and beyond a pole the meridian on the other side goes on."""


class AcousticInput(StrEnum):
    """What the acoustic encoder is shown."""

    SPECTRUM = "spectrum"
    """Magnitude and phase of every channel (SELDnet, Adavanne et al. 2018)."""
    INTENSITY = "intensity"
    """Log-mel power of every channel and the acoustic intensity vector in mel bands."""


class Fusion(StrEnum):
    """How the audio-visual context fusion joins the two (Table 2)."""

    NONE = "none"
    CONCAT = "concat"
    ATTENTION = "attention"


class PositionInto(StrEnum):
    """Where positions enter the cross-attention."""

    TENSOR = "tensor"
    """Added to the features themselves, so also to values and the residual path: the paper's words."""
    ATTENTION = "attention"
    """Added to queries and keys only (as DETR does)."""


class Gate(StrEnum):
    """Activation of the pixel weights of Eq. 4."""

    LITERAL = "literal"
    """None: unbounded, may be negative."""
    SIGMOID = "sigmoid"


class EnergyMap(StrEnum):
    """A map of where sound comes from, computed without learning, as a guide of the location branch."""

    OFF = "off"
    BEAM = "beam"
    """Power of a first-order max-rE beam steered at every pixel."""
    INTENSITY = "intensity"
    """Directions of the intensity vector of every time and frequency tile, smoothed on the sphere: sharper."""


class DecoderNorm(StrEnum):
    """Normalisation in the decoders."""

    NONE = "none"
    GROUP = "group"


TIME_POOLING = 8
"""Spectrogram frames to one acoustic token."""
FREQUENCY_POOLING = {AcousticInput.SPECTRUM: (8, 8, 2), AcousticInput.INTENSITY: (4, 4, 2)}
"""Pooling of the three convolutions along frequency."""


@dataclass(frozen=True)
class ModelConfig:
    """The network, whole. The defaults are the paper, taken literally.

    Attributes:
        height_px: rows of the pictures that the network is trained on and shown.
        width_px: columns.
        window: frames in a window, 1..4 (Table 6).
        frame_spacing_s: time between the frames of a window.
        sound: what is heard; `none` goes with fusion `none`.
        sound_window_s: sound around the frame whose map is asked.
        channels: width of the features that are fused, C.
        heads: of every attention.
        feedforward: hidden width of every transformer layer.
        dropout: in the transformer layers.
        backbone: the residual network.
        backbone_width: its channels as a share of the published ones.
        output_stride: picture pixels to one feature pixel, 16 or 32 (16: dilated last stage).
        padding: beyond the picture's edges, in every convolution, pooling and upsampling.
        visual_transformer: on top of the backbone.
        visual_layers: its depth.
        temporal: the non-local block over the window.
        acoustic_input: what the acoustic encoder is shown.
        sound_rate_hz: rate of its sound.
        fft_size: samples of a spectrogram frame.
        hop: samples between spectrogram frames.
        mel_bands: of the input `intensity`; a multiple of 32.
        conv_channels: of the acoustic convolutions.
        gru_channels: of one direction of the recurrent layers.
        acoustic_dropout: in the acoustic encoder.
        fusion: how sound and picture are joined.
        fusion_layers: cross-attention layers in each branch.
        spherical_encoding: positions on the sphere are added to the visual tokens (Table 2); else none are.
        spherical_scale: factor on the unit-sphere coordinates of Eq. 1; 1 is literal.
        position_into: where positions enter.
        frame_encoding: a sine code of the frame's place in the window is added too.
        location_branch: the gate of Eq. 4; without it the student feature is the semantic one (Table 5).
        gate: its activation.
        gate_kernel: size of its convolution, 1 or 3.
        energy_map: guide of the location branch; needs sound `foa`.
        energy_bands: frequency groups of that map.
        teacher: the label-guided branch.
        teacher_validity: a channel tells it which frames of the window have a mask.
        teacher_mask_dropout: share of masks withheld from it while it learns; needs the validity channel.
        teacher_temporal: a non-local block after its mask input, so that a mask of one frame reaches the others.
        decoder_norm: in both decoders.
    """

    height_px: int = 416
    width_px: int = 832
    window: int = 3
    frame_spacing_s: float = 0.2
    sound: Sound = Sound.FOA
    sound_window_s: float = 3.0
    channels: int = 256
    heads: int = 8
    feedforward: int = 2048
    dropout: float = 0.1
    backbone: Backbone = Backbone.RESNET50
    backbone_width: float = 1.0
    output_stride: int = 32
    padding: Padding = Padding.ZERO
    visual_transformer: VisualTransformer = VisualTransformer.PLANE
    visual_layers: int = 3
    temporal: bool = True
    acoustic_input: AcousticInput = AcousticInput.SPECTRUM
    sound_rate_hz: int = 32000
    fft_size: int = 512
    hop: int = 400
    mel_bands: int = 64
    conv_channels: int = 64
    gru_channels: int = 128
    acoustic_dropout: float = 0.0
    fusion: Fusion = Fusion.ATTENTION
    fusion_layers: int = 1
    spherical_encoding: bool = True
    spherical_scale: float = 1.0
    position_into: PositionInto = PositionInto.TENSOR
    frame_encoding: bool = False
    location_branch: bool = True
    gate: Gate = Gate.LITERAL
    gate_kernel: int = 1
    energy_map: EnergyMap = EnergyMap.OFF
    energy_bands: int = 1
    teacher: bool = True
    teacher_validity: bool = False
    teacher_mask_dropout: float = 0.0
    teacher_temporal: bool = False
    decoder_norm: DecoderNorm = DecoderNorm.NONE

    def __post_init__(self) -> None:
        """Check every field and their agreement.

        Raises:
            ConfigError: what is wrong, in one line.
        """
        for problem in (*_range_problems(self), *_acoustic_problems(self), *_agreement_problems(self)):
            raise ConfigError(f"model config: {problem}")

    @property
    def window_centre(self) -> int:
        """Place in the window of the frame whose map is the window's answer: 0, 1, 1, 2 for windows of 1..4."""
        return self.window // 2

    @property
    def frame_offsets_s(self) -> tuple[float, ...]:
        """Time of each frame of a window relative to the one whose map is asked."""
        return tuple((k - self.window_centre) * self.frame_spacing_s for k in range(self.window))

    @property
    def fuses(self) -> bool:
        """True where sound takes part."""
        return self.fusion is not Fusion.NONE

    @property
    def sound_channels(self) -> int:
        """Ambisonic channels that are used: 0, 1 or 4."""
        return {Sound.NONE: 0, Sound.MONO: 1, Sound.FOA: 4}[self.sound]

    @property
    def sound_samples(self) -> int:
        """Samples of a sound window at ``sound_rate_hz``."""
        return round(self.sound_window_s * self.sound_rate_hz)

    @property
    def sound_tokens(self) -> int:
        """Acoustic tokens of a sound window, L."""
        return self.sound_samples // (self.hop * TIME_POOLING)

    def to_json(self) -> dict[str, Any]:
        """Plain values, as :meth:`from_json` takes them."""
        return {name: str(v) if isinstance(v, StrEnum) else v for name, v in asdict(self).items()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "ModelConfig":
        """The config of plain values; a missing field takes its default.

        Raises:
            ConfigError: an unknown field, or a value of the wrong kind or outside its range.
        """
        known = {f.name: type(f.default) for f in fields(cls)}
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ConfigError(f"model config: unknown field(s) {', '.join(unknown)}; known: {', '.join(known)}")
        return cls(**{name: _converted(name, value, known[name]) for name, value in values.items()})


def _converted(name: str, value: Any, kind: type[Any]) -> Any:
    if issubclass(kind, StrEnum):
        try:
            return kind(value)
        except ValueError:
            raise ConfigError(f"model config: {name} must be one of {', '.join(kind)}, got {value!r}") from None
    whole = isinstance(value, int) and not isinstance(value, bool)
    fits = isinstance(value, bool) if kind is bool else whole or (kind is float and isinstance(value, float))
    if not fits:
        raise ConfigError(f"model config: {name} must be of type {kind.__name__}, got {value!r}")
    return kind(value)


_RANGES: dict[str, tuple[float, float]] = {
    "height_px": (32, 8192),
    "width_px": (32, 16384),
    "window": (1, 4),
    "frame_spacing_s": (0.001, 10),
    "sound_window_s": (0.05, 60),
    "channels": (8, 4096),
    "heads": (1, 64),
    "feedforward": (1, 1 << 16),
    "dropout": (0, 0.99),
    "backbone_width": (1 / 16, 4),
    "visual_layers": (1, 24),
    "sound_rate_hz": (4000, 192_000),
    "fft_size": (256, 8192),
    "hop": (1, 8192),
    "mel_bands": (32, 512),
    "conv_channels": (1, 1024),
    "gru_channels": (1, 1024),
    "acoustic_dropout": (0, 0.99),
    "fusion_layers": (1, 24),
    "spherical_scale": (1e-3, 1e3),
    "energy_bands": (1, 32),
    "teacher_mask_dropout": (0, 0.99),
}


def _range_problems(config: ModelConfig) -> list[str]:
    problems = []
    for name, (low, high) in _RANGES.items():
        value = getattr(config, name)
        if not (math.isfinite(value) and low <= value <= high):
            problems.append(f"{name} must lie in {low:g}..{high:g}, got {value!r}")
    if config.output_stride not in (16, 32):
        problems.append(f"output_stride must be 16 or 32, got {config.output_stride}")
    if config.gate_kernel not in (1, 3):
        problems.append(f"gate_kernel must be 1 or 3, got {config.gate_kernel}")
    if config.channels % config.heads or config.channels % 4:
        problems.append(
            f"channels must be a multiple of 4 and of heads, got {config.channels} channels and {config.heads} heads"
        )
    if config.padding is not Padding.ZERO and config.width_px % (2 * config.output_stride):
        problems.append(
            f"padding {config.padding} needs a width that is a multiple of {2 * config.output_stride} px, "
            f"got {config.width_px}"
        )
    return problems


def _acoustic_problems(config: ModelConfig) -> list[str]:
    if config.sound is Sound.NONE:
        return []
    problems = []
    if config.fft_size & (config.fft_size - 1):
        problems.append(f"fft_size must be a power of two, got {config.fft_size}")
    if config.hop > config.fft_size:
        problems.append(f"hop must not exceed fft_size, got {config.hop} > {config.fft_size}")
    if config.mel_bands % 32:
        problems.append(f"mel_bands must be a multiple of 32, got {config.mel_bands}")
    token = config.hop * TIME_POOLING
    if abs(config.sound_window_s * config.sound_rate_hz - config.sound_samples) > 1e-6 or config.sound_samples % token:
        problems.append(
            f"a sound window must be a whole number of tokens of {token} samples, got "
            f"{config.sound_window_s * config.sound_rate_hz:g} samples"
        )
    elif config.sound_tokens < 2:
        # One token makes the softmax constant: the same vector would be added to every pixel.
        problems.append("a sound window must hold at least 2 tokens, or attention to sound cannot tell pixels apart")
    return problems


def _agreement_problems(config: ModelConfig) -> list[str]:
    problems = []
    if (config.sound is Sound.NONE) != (config.fusion is Fusion.NONE):
        problems.append(
            f"sound none and fusion none go together, got sound {config.sound} and fusion {config.fusion} "
            "(ablations.with_sound and with_fusion change both)"
        )
    if config.teacher and not config.fuses:
        problems.append("the teacher is a fusion block: it needs sound and fusion")
    if config.energy_map is not EnergyMap.OFF and not (config.sound is Sound.FOA and config.location_branch):
        problems.append("energy_map needs sound foa and the location branch")
    if config.teacher_mask_dropout and not config.teacher_validity:
        problems.append("teacher_mask_dropout needs teacher_validity: the teacher must know which masks are missing")
    return problems
