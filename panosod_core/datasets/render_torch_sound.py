"""The ambisonic fields of many scenes at once, in torch: :mod:`panosod_core.synth.scene_sound` on any device.

The voices of a batch are sounded together. Phases are kept in float64, waves in float32.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from panosod_core.datasets.render_torch_basics import floats, hashed_uniform, signed_keys
from panosod_core.synth.scene import SceneSpec
from panosod_core.synth.scene_config import CONTROL_HZ
from panosod_core.synth.scene_room import Image, Room
from panosod_core.synth.scene_sound import (
    LOUDEST,
    NOMINAL_RMS,
    SHARES,
    fft_length,
    key_weights,
    reflection_keys,
    sample_count,
    steering,
)
from panosod_core.synth.scene_sources import Bus, Mix, Source
from panosod_core.synth.voices import CREST, STEPS, TABLE, Voice, wave_table

_CPU_GROUP = 4
"""Voices sounded together on a CPU: their waves fit its caches."""


@torch.no_grad()
def render_sounds(specs: Sequence[SceneSpec], *, rate_hz: int, device: torch.device) -> Tensor:
    """The fields of scenes of one length.

    Args:
        specs: B scenes.
        rate_hz: 48000, 32000, or another multiple of 100.
        device: where to compute.

    Returns:
        (B, 4, n) float32, ACN/SN3D, peaks at most 0.88.

    Raises:
        ConfigError: the rate does not fit.
        ValueError: scenes of different lengths.
    """
    lengths = {sample_count(spec, rate_hz) for spec in specs}
    if len(lengths) != 1:
        raise ValueError(f"scenes of one batch must be of one length, got {sorted(lengths)} samples")
    n = lengths.pop()
    signals = _all_signals(specs, n, rate_hz=rate_hz, device=device)
    field = torch.empty((len(specs), 4, n), device=device)
    for b, spec in enumerate(specs):
        _mix(spec, [signal for part, signal in signals if part == b], field[b], rate_hz=rate_hz)
    return field


def _all_signals(specs: Sequence[SceneSpec], n: int, *, rate_hz: int, device: torch.device) -> list[tuple[int, Tensor]]:
    """What every source sounds like at 1 m: the place of its scene in the batch, and (n,) float32."""
    parts = [(b, source) for b, spec in enumerate(specs) for source in spec.sources]
    group = _CPU_GROUP if device.type == "cpu" else max(len(parts), 1)
    found: list[tuple[int, Tensor]] = []
    for first in range(0, len(parts), group):
        chosen = parts[first : first + group]
        waves = voice_signals([source.voice for _, source in chosen], n, rate_hz=rate_hz, device=device)
        levels = np.stack([steering(source, specs[b].config.duration_s).envelope for b, source in chosen])
        waves *= _at_samples(floats(levels, device), n, hop=rate_hz // CONTROL_HZ)
        found += [(b, wave) for (b, _), wave in zip(chosen, waves, strict=True)]
    return found


def _mix(spec: SceneSpec, signals: Sequence[Tensor], field: Tensor, *, rate_hz: int) -> None:
    """The field of one scene, (4, n), of what its sources sound like."""
    buses: dict[Bus, Tensor] = {}
    for bus in Bus:
        members = [(source, signal) for source, signal in zip(spec.sources, signals, strict=True) if source.bus is bus]
        if members:
            buses[bus] = _bus_field(members, spec, rate_hz=rate_hz)
    objects = buses.get(Bus.OBJECTS)
    if objects is None:
        field.zero_()
        heard = torch.full((), NOMINAL_RMS, device=field.device)
    else:
        field.copy_(objects)
        heard = objects[0].square().mean().sqrt()
    for bus in (Bus.OFF_OBJECT, Bus.MUSIC):
        snr_db = spec.mix.snr_db(bus)
        if bus in buses and snr_db is not None:
            own = buses[bus][0].square().mean().sqrt()
            field.addcmul_(buses[bus], heard * 10 ** (-snr_db / 20) / own.clamp(min=1e-9))
    _add_noises(spec.mix, field, heard, rate_hz=rate_hz)
    field *= torch.clamp(LOUDEST / field.abs().amax().clamp(min=1e-9), max=1.0)


def _bus_field(members: Sequence[tuple[Source, Tensor]], spec: SceneSpec, *, rate_hz: int) -> Tensor:
    n, device = len(members[0][1]), members[0][1].device
    field = torch.zeros((4, n), device=device)
    for source, signal in members:
        gains = floats(steering(source, spec.config.duration_s).gains, device)
        if gains.shape[1] > 1:
            gains = _at_samples(gains, n, hop=rate_hz // CONTROL_HZ)
        field.addcmul_(gains, signal)
    placed = [(source, signal) for source, signal in members if source.trajectory is not None]
    if spec.room is not None and placed:
        _add_room(placed, spec.room, field, duration_s=spec.config.duration_s, rate_hz=rate_hz)
    return field


def _at_samples(curve: Tensor, n: int, *, hop: int) -> Tensor:
    share = torch.arange(hop, device=curve.device, dtype=curve.dtype) / hop
    lines = torch.lerp(curve[..., :-1, None], curve[..., 1:, None], share)
    return lines.flatten(-2)[..., :n]


def _add_room(
    inside: Sequence[tuple[Source, Tensor]], room: Room, field: Tensor, *, duration_s: float, rate_hz: int
) -> None:
    """Early reflections one by one, the late tail of all sources together."""
    n, device = field.shape[1], field.device
    late = torch.zeros(n, device=device)
    for source, signal in inside:
        late += signal
        if source.trajectory is None:
            continue
        keys_s = reflection_keys(source, duration_s)
        ways = source.trajectory.directions(keys_s)
        weights = floats(key_weights(keys_s, n, rate_hz=rate_hz), device)
        for way, weight in zip(ways, weights, strict=True):
            part = signal * weight
            images = room.images(way, source.distance_m)
            gains = floats([_first_order(image) for image in images], device)
            for image, gain in zip(images, gains, strict=True):
                delay = round(image.delay_s * rate_hz)
                if delay < n:
                    field[:, delay:].addcmul_(gain[:, None], part[: n - delay])
    response = floats(room.late_response(rate_hz), device)
    size = fft_length(n + response.shape[1])
    field += torch.fft.irfft(torch.fft.rfft(late, size) * torch.fft.rfft(response, size), size)[:, :n]


def _first_order(image: Image) -> tuple[float, float, float, float]:
    x, y, z = image.direction
    return image.gain, image.gain * y, image.gain * z, image.gain * x


def voice_signals(voices: Sequence[Voice], n: int, *, rate_hz: int, device: torch.device) -> Tensor:
    """:func:`panosod_core.synth.voices.voice_signal` of many voices: (S, n) float32."""
    t = torch.arange(n, dtype=torch.float64, device=device) / rate_hz
    # no fused multiply-add here: beats must begin with the reference's sample
    beats = _column(voices, "pulse_hz", device) * t + _column(voices, "phase", device)
    step = torch.floor(beats)
    within = (beats - step).to(torch.float32)
    step = step.to(torch.int64).remainder_(STEPS)
    accents = floats([voice.accents for voice in voices], device)
    depth = _column(voices, "depth", device).to(torch.float32)
    gate = 1 - depth + depth * _beats(voices, within) * torch.gather(accents, 1, step)
    raw = torch.zeros_like(within)
    toned = [k for k, voice in enumerate(voices) if voice.tone]
    if toned:
        raw[toned] += _tones([voices[k] for k in toned], t, step[toned], rate_hz=rate_hz)
    noisy = [k for k, voice in enumerate(voices) if voice.noise]
    if noisy:
        chosen = [voices[k] for k in noisy]
        bands = [(v.band_hz[0], v.band_hz[1], v.tilt_db) for v in chosen]
        noise = _hashed_noises([v.key for v in chosen], bands, n, rate_hz=rate_hz, device=device)
        raw[noisy] += noise * _column(chosen, "noise", device).to(torch.float32)
    raw *= gate
    raw -= raw.mean(dim=1, keepdim=True)
    raw /= raw.square().mean(dim=1, keepdim=True).sqrt_().clamp_(min=1e-9)
    return raw.div_(CREST).tanh_().mul_(CREST)


def _column(voices: Sequence[Voice], name: str, device: torch.device) -> Tensor:
    """(S, 1) float64 of a field of the voices."""
    return floats([[getattr(voice, name)] for voice in voices], device, dtype=torch.float64)


def _beats(voices: Sequence[Voice], within: Tensor) -> Tensor:
    shape = torch.empty_like(within)
    for struck in (True, False):
        rows = [k for k, voice in enumerate(voices) if voice.struck is struck]
        if rows:
            place, sharp = within[rows], floats([[voices[k].sharp] for k in rows], within.device)
            if struck:
                shape[rows] = torch.clamp(place * 50, max=1.0) * torch.exp(-sharp * place)
            else:
                shape[rows] = torch.sin(torch.pi * place).abs_() ** (2 * sharp)
    return shape


def _tones(voices: Sequence[Voice], t: Tensor, step: Tensor, *, rate_hz: int) -> Tensor:
    device = t.device
    vibrato, f0 = _column(voices, "vibrato_hz", device), _column(voices, "f0_hz", device)
    waver = _column(voices, "vibrato_depth", device) / (2 * torch.pi * vibrato)
    notes = floats([voice.notes for voice in voices], device, dtype=torch.float64)
    turns = torch.cos((vibrato * t).add_(_column(voices, "phase", device)).mul_(2 * torch.pi))
    turns = torch.sub(t, turns.mul_(waver)).mul_(torch.gather(notes, 1, step)).mul_(f0)
    clanging = [k for k, voice in enumerate(voices) if voice.fm_index]
    if clanging:
        chosen = [voices[k] for k in clanging]
        index = _column(chosen, "fm_index", device) / (2 * torch.pi)
        ratio = _column(chosen, "fm_ratio", device)
        turns[clanging] += index * torch.sin(2 * torch.pi * (ratio * turns[clanging]))
    place = (turns - torch.floor(turns)) * TABLE
    left = place.to(torch.int64).clamp_(max=TABLE - 1)
    table = floats(np.stack([voice.tone * wave_table(voice, rate_hz) for voice in voices]), device)
    low, high = torch.gather(table, 1, left), torch.gather(table, 1, left + 1)
    return torch.lerp(low, high, (place - left).to(torch.float32))


def _hashed_noises(
    keys: Sequence[int],
    bands: Sequence[tuple[float, float, float]],
    n: int,
    *,
    rate_hz: int,
    device: torch.device,
) -> Tensor:
    """:func:`panosod_core.synth.voices.hashed_noise` of K keys: (K, n) float32, RMS 1.

    Args:
        keys: of the noises.
        bands: low, high and tilt of each, or of all.
        n: samples.
        rate_hz: sample rate.
        device: where to compute.
    """
    count = n // 2 + 1
    numbers = hashed_uniform(signed_keys(keys, device), 2 * count) - 0.5
    low, high, tilt = floats(bands, device, dtype=torch.float64)[:, :, None].unbind(1)
    high = torch.clamp(high, max=0.45 * rate_hz)
    hz = (torch.arange(count, device=device, dtype=torch.float64) * (rate_hz / n)).clamp_(min=1.0)
    gains = torch.exp((tilt * (np.log(10) / 20)) * torch.log2(hz / torch.sqrt(low * high)))
    gains *= torch.rsqrt((1 + _eighth(low / hz)) * (1 + _eighth(hz / high)))
    gains[:, 0] = 0.0
    spectrum = torch.view_as_complex(numbers.view(len(keys), count, 2)) * gains.to(torch.float32)
    wave = torch.fft.irfft(spectrum, n)
    noise: Tensor = wave / wave.square().mean(dim=1, keepdim=True).sqrt_().clamp_(min=1e-12)
    return noise


def _eighth(x: Tensor) -> Tensor:
    return x.square().square_().square_()


def _add_noises(mix: Mix, field: Tensor, heard: Tensor, *, rate_hz: int) -> None:
    n, device = field.shape[1], field.device
    hiss = hashed_uniform(signed_keys([mix.hiss_key], device), 4 * n).view(4, n)
    field += (hiss - 0.5).mul_(10 ** (mix.hiss_db / 20) * 12.0**0.5)
    if mix.diffuse_snr_db is not None:
        keys = [mix.diffuse_key ^ (channel + 1) << 28 for channel in range(4)]
        bands = [(*mix.diffuse_band_hz, mix.diffuse_tilt_db)]
        noise = _hashed_noises(keys, bands, n, rate_hz=rate_hz, device=device)
        field.addcmul_(noise, floats(SHARES, device)[:, None] * (heard * 10 ** (-mix.diffuse_snr_db / 20)))
