"""What WAVE headers say about ambisonics: the B-format sub-types of WAVE_FORMAT_EXTENSIBLE (.amb files).

Richard Dobson's "AMB" form: the sub-format GUIDs ``0000000{1,3}-0721-11d3-8644-c8c1ca000000`` mark classic B-format
(Furse-Malham order and weights), PCM or float.
"""

from pathlib import Path

_GUID_TAIL = bytes.fromhex("21 07 d3 11 86 44 c8 c1 ca 00 00 00")
_MAX_CHUNKS = 64


def is_b_format(path: Path) -> bool:
    """True when a WAVE (or RF64, W64-less) file's format chunk, or its name, says classic B-format."""
    try:
        with path.open("rb") as file:
            head = file.read(12)
            if head[:4] not in (b"RIFF", b"RF64", b"BW64") or head[8:12] != b"WAVE":
                return False
            if path.suffix.lower() == ".amb":
                return True
            for _ in range(_MAX_CHUNKS):
                chunk = file.read(8)
                if len(chunk) < 8:
                    return False
                length = int.from_bytes(chunk[4:], "little")
                if chunk[:4] == b"fmt ":
                    body = file.read(min(length, 40))
                    extensible = body[:2] == b"\xfe\xff" and len(body) >= 40
                    return extensible and body[28:40] == _GUID_TAIL
                file.seek(length + (length & 1), 1)
    except OSError:
        return False
    return False
