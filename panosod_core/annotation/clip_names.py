"""What the clips of a project are called where no path has room."""

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

from panosod_core.annotation.records import Clip


def clip_names(clips: Sequence[Clip]) -> dict[int, str]:
    """A name of its own for every clip, by its number.

    The file's name without its ending; with its folder where another file is called the same; with the clip's number
    where that does not tell them apart either.
    """
    paths = {clip.id: PurePath(clip.path.replace("\\", "/")) for clip in clips}
    stems = Counter(path.stem for path in paths.values())
    longer = {n: path.stem if stems[path.stem] == 1 else f"{path.parent.name}/{path.stem}" for n, path in paths.items()}
    counts = Counter(longer.values())
    return {n: name.removeprefix("/") if counts[name] == 1 else f"{paths[n].stem} ({n})" for n, name in longer.items()}
