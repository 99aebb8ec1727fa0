#!/usr/bin/env python3
"""Makes docs/pictures/filmed*.jpg: what the program and its demonstration model make of media that nobody rendered.

    python dev/with_xvfb.py python dev/filmed_pictures.py FOLDER [--only NAME] [--out DIR]

FOLDER holds the media that the tests know too: video/congo_gvr.mp4 and foa/jsamb_HOA3_rec1_01-08ch.ogg. There is no
filmed panorama with directional sound among them: the second picture joins a filmed picture and a recorded sound
field, which have nothing to do with each other, and its caption has to say so.
"""

import argparse
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from overlay_pictures import PICTURES, QUALITY, ROOT, beside, wait
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from panosod_core.geometry.picture import PictureGeometry, StereoMode
from panosod_core.media.inject import AmbisonicSound, write_spherical
from panosod_core.media.writer import ClipWriter, PictureSettings, SoundCodec, SoundSettings
from panosod_viewer.application import Viewer
from panosod_viewer.arguments import parse_arguments
from panosod_viewer.layers import LayerChoices
from panosod_viewer.render.surface_format import install_default_format
from panosod_viewer.resolving import ViewLayout
from panosod_viewer.workers.opening import ClipOpener

WIDTH, HEIGHT = 900, 640
PATIENCE = 480
"""Quarters of a second for the model's maps and the map of the sound."""
N3D = np.array([1, 3, 3, 3], np.float32) ** 0.5


@dataclass(frozen=True)
class Shot:
    """One picture: which layers lie over which moment."""

    name: str
    layers: tuple[str, ...]
    at_s: float
    is_joined: bool = False


SHOTS = (
    Shot("filmed", ("saliency", "location"), 4.0),
    Shot("filmed-sound", ("energy", "location", "saliency"), 2.0, is_joined=True),
)


def recorded(sound: Path) -> tuple[NDArray[np.float32], int]:
    """First order of an Eigenmike recording in ACN/SN3D, (4, n), and its rate."""
    with av.open(str(sound)) as container:
        rate_hz = container.streams.audio[0].rate
        # FFmpeg's order of eight channels is not the file's.
        pieces = [
            np.stack([np.frombuffer(frame.planes[k], np.float32, frame.samples) for k in (0, 2, 1, 6)])
            for frame in container.decode(audio=0)
        ]
    return np.concatenate(pieces, axis=1) / N3D[:, None], rate_hz


def joined(video: Path, sound: Path, out: Path) -> Path:
    """A filmed picture (two eyes, one above the other) with a recorded sound field, as long as the sound."""
    field, rate_hz = recorded(sound)
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        fps = Fraction(stream.average_rate or 30)
        size = {"width": stream.width, "height": stream.height}
        with ClipWriter(
            out,
            **size,
            fps=fps,
            sample_rate_hz=rate_hz,
            audio_channels=4,
            picture=PictureSettings(crf=20),
            sound=SoundSettings(codec=SoundCodec.FLAC),
        ) as writer:
            for index, frame in enumerate(container.decode(stream)):
                first, end = (round((index + k) / fps * rate_hz) for k in (0, 1))
                if end > field.shape[1]:
                    break
                writer.write_picture(frame.to_ndarray(format="rgb24"))
                writer.write_sound(field[:, first:end])
    write_spherical(out, out, geometry=PictureGeometry(stereo=StereoMode.TOP_BOTTOM), sound=AmbisonicSound(order=1))
    return out


def taken(clip: Path, shot: Shot, theme: str, settings: Path) -> QImage:
    """The window in one theme, once everything that is to lie over the picture is there."""
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    words = f"--paused --at {shot.at_s} --device none --theme {theme} --settings {settings}".split()
    viewer = Viewer(application, parse_arguments([*words, str(clip)]))
    opener = ClipOpener(clip, at_s=shot.at_s)
    opener.start()
    viewer.window.resize(WIDTH, HEIGHT)
    viewer.start(opener)
    viewer.state.set_layers(replace(LayerChoices().showing(shot.layers)))
    viewer.state.set_layout(ViewLayout.SPLIT)
    for _ in range(PATIENCE):
        wait(0.25)
        there = viewer.state.wish.pictures
        if there.location is not None and (there.energy is not None or "energy" not in shot.layers):
            break
    else:
        raise SystemExit(f"{clip}: no maps")
    wait(2.0)
    picture = viewer.window.grab().toImage()
    salient = float((there.saliency.values >= 128).mean()) if there.saliency is not None else 0.0
    print(shot.name, theme, f"salient {100 * salient:.2f} % of the map")
    viewer.close()
    window = viewer.window
    viewer.deleteLater()
    window.deleteLater()
    wait(0.1)
    return picture


def main() -> None:
    """Take all pictures, or one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--out", type=Path, default=PICTURES)
    options = parser.parse_args()
    install_default_format()
    application = QApplication(["panosod"])
    video, sound = options.folder / "video/congo_gvr.mp4", options.folder / "foa/jsamb_HOA3_rec1_01-08ch.ogg"
    build = ROOT / ".build"
    for shot in SHOTS:
        if options.only not in ("", shot.name):
            continue
        clip = joined(video, sound, build / "filmed-sound.mp4") if shot.is_joined else video
        settings = build / "filmed-pictures.toml"
        settings.unlink(missing_ok=True)
        both = beside(*(taken(clip, shot, theme, settings) for theme in ("dark", "light")))
        path = options.out / f"{shot.name}.jpg"
        if not both.save(str(path), "JPG", QUALITY):
            raise SystemExit(f"{path} cannot be written")
        print(path, both.width(), both.height(), path.stat().st_size // 1024, "KB")
    application.quit()


if __name__ == "__main__":
    main()
