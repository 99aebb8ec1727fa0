"""Seeded damage to media files: what a bad disk, a bad download or a bad person does to a clip."""

import random
import struct
from collections.abc import Callable

XML_BOMB = (
    b'<!DOCTYPE lolz [<!ENTITY l0 "lol">'
    + b"".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">'.encode() for i in range(1, 12))
    + b"]><rdf:SphericalVideo>&l11;</rdf:SphericalVideo>"
)
_V1_UUID = bytes.fromhex("ffcc8263f8554a938814587a02521fdd")
_EXTREMES = (0, 1, 2, 7, 8, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF)
_KINDS = tuple(
    b"moov trak mdia minf stbl stsd stts stsz stsc stco co64 ctts st3d sv3d proj prhd equi cbmp mshp SA3D uuid moof "
    b"traf trun tfhd mdat free wave esds avcC hvcC dOps elst hdlr tkhd mdhd mvhd colr chan avc1 hvc1 vp09 av01 mp4a "
    b"Opus lpcm ftyp mfra sidx fmt  data LIST".split()
)

Mutation = Callable[[random.Random, bytearray], None]


def _where(rng: random.Random, data: bytearray) -> int:
    """A place, more often than not where headers lie: near a known four-character name, the start or the end."""
    size = max(len(data) - 1, 0)
    pick = rng.random()
    if pick < 0.5:
        present = [k for k in rng.sample(_KINDS, 12) if k in data]
        if present:
            return min(max(data.find(rng.choice(present)) + rng.randint(-8, 40), 0), size)
    if pick < 0.7:
        return rng.randint(0, min(size, 600))
    if pick < 0.85:
        return rng.randint(max(size - 2000, 0), size)
    return rng.randint(0, size)


def flip_bytes(rng: random.Random, data: bytearray) -> None:
    """A few random bytes."""
    for _ in range(rng.randint(1, 12)):
        data[_where(rng, data)] = rng.randrange(256)


def extreme_number(rng: random.Random, data: bytearray) -> None:
    """A length, count or offset that is as wrong as can be."""
    for _ in range(rng.randint(1, 3)):
        at = _where(rng, data)
        form = rng.choice([">I", "<I", ">H", ">Q"])
        value = rng.choice(_EXTREMES) & (256 ** struct.calcsize(form) - 1)
        packed = struct.pack(form, value)
        data[at : at + len(packed)] = packed


def truncate(rng: random.Random, data: bytearray) -> None:
    """A download that broke off."""
    del data[rng.choice([rng.randint(0, len(data)), _where(rng, data)]) :]


def cut_out(rng: random.Random, data: bytearray) -> None:
    """A hole."""
    at = _where(rng, data)
    del data[at : at + rng.choice([1, 2, 4, 8, 100, 5000])]


def zero_span(rng: random.Random, data: bytearray) -> None:
    """A sector that was never written."""
    at = _where(rng, data)
    data[at : at + 512] = bytes(len(data[at : at + 512]))


def repeat_span(rng: random.Random, data: bytearray) -> None:
    """A piece again, or many times."""
    at = _where(rng, data)
    data[at:at] = data[at : at + rng.choice([8, 64, 1000])] * rng.choice([1, 3, 200])


def rename_box(rng: random.Random, data: bytearray) -> None:
    """Another box, codec or chunk by name: wrong codecs, and metadata where none belongs."""
    present = [k for k in _KINDS if k in data]
    if present:
        at = data.find(rng.choice(present))
        data[at : at + 4] = rng.choice(_KINDS)


def insert_bomb(rng: random.Random, data: bytearray) -> None:
    """XML that would expand to 10^11 characters, as spherical V1 in the last track."""
    at = data.rfind(b"trak") - 4
    if at < 0 or len(data) < at + 8:
        data[:0] = XML_BOMB
        return
    size = struct.unpack_from(">I", data, at)[0]
    box = struct.pack(">I4s", 8 + 16 + len(XML_BOMB), b"uuid") + _V1_UUID + XML_BOMB
    data[at + size : at + size] = box
    for name in (b"trak", b"moov"):
        place = data.rfind(name) - 4
        if 0 <= place <= len(data) - 4:
            struct.pack_into(">I", data, place, (struct.unpack_from(">I", data, place)[0] + len(box)) & 0xFFFFFFFF)


def nest_boxes(rng: random.Random, data: bytearray) -> None:
    """Thousands of boxes within boxes."""
    kind = rng.choice([b"moov", b"trak", b"wave", b"proj", b"\x18\x53\x80\x67"])
    depth = rng.choice([100, 5000])
    nest = b"".join(struct.pack(">I4s", 8 * (depth - i), kind) for i in range(depth))
    at = max(data.find(b"moov") - 4, 0)
    data[at:at] = nest


MUTATIONS: tuple[Mutation, ...] = (
    flip_bytes, extreme_number, extreme_number, truncate, cut_out, zero_span, repeat_span, rename_box, insert_bomb,
    nest_boxes,
)  # fmt: skip


def mutate(seed: int, sources: list[bytes]) -> tuple[bytes, str]:
    """The damaged file of a seed.

    Returns:
        Its bytes (possibly none) and what was done, in words.
    """
    rng = random.Random(seed)
    data = bytearray(rng.choice(sources))
    if rng.random() < 0.05:
        other = rng.choice(sources)
        cut = rng.randint(0, len(data))
        data[cut:] = other[rng.randint(0, len(other)) :]
    done = []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        if not data:
            break
        mutation = rng.choice(MUTATIONS)
        mutation(rng, data)
        done.append(mutation.__name__)
    return bytes(data), "+".join(done)
