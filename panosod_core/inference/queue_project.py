"""The queue over all clips of a project: finds their files and maps, reads what is new, and says what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from panosod_core.annotation.adopting import clip_file
from panosod_core.annotation.queueing import Pool, joined
from panosod_core.annotation.records import Clip
from panosod_core.annotation.snapshot import Snapshot
from panosod_core.errors import MediaError, PanosodError
from panosod_core.geometry.picture import Eye
from panosod_core.inference import cache_files
from panosod_core.inference.cache import CacheKey, PredictionCache
from panosod_core.inference.clip_key import clip_key
from panosod_core.inference.queue_material import ClipMaterial, decided_in
from panosod_core.media.choice import chosen_geometry
from panosod_core.media.probe import probe


@dataclass(frozen=True)
class QueuedClip:
    """A clip as the queue sees it.

    Attributes:
        clip: its number in the project.
        path: of its file; where the project says it is, if it is not found.
        frames: of the clip, as far as is known.
        without_map: of these, how many are further than a second from any map.
        problem: why it is left out, "" where it is not.
    """

    clip: int
    path: Path
    frames: int = 0
    without_map: int = 0
    problem: str = ""


@dataclass(frozen=True, eq=False)
class QueueView:
    """A project at one moment.

    Attributes:
        pool: the frames to choose from; None where there are none.
        clips: all of its clips.
    """

    pool: Pool | None
    clips: tuple[QueuedClip, ...]

    def path_of(self, clip: int) -> Path:
        """The file of a clip."""
        return next(c.path for c in self.clips if c.clip == clip)

    @property
    def missing(self) -> tuple[QueuedClip, ...]:
        """Clips that lack maps and can be predicted."""
        return tuple(c for c in self.clips if c.without_map and not c.problem)


@dataclass(frozen=True, eq=False)
class _Known:
    """A clip whose file was looked into."""

    path: Path
    mark: tuple[int, int]
    key: CacheKey
    material: ClipMaterial


class ProjectQueue:
    """Looks through one project again and again; what was read is kept. One object belongs to one thread."""

    def __init__(self, cache: PredictionCache, model_id: str, *, folders: Iterable[Path] = ()) -> None:
        """Nothing read yet.

        Args:
            cache: where the maps are.
            model_id: whose.
            folders: looked into for clips that are not where the project says.
        """
        self._cache, self._model_id, self._folders = cache, model_id, tuple(folders)
        self._known: dict[int, _Known] = {}

    def look(
        self,
        project: Path,
        *,
        keys: Mapping[str, CacheKey] | None = None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> QueueView | None:
        """The project as it is now; None where it was stopped.

        Args:
            project: the file.
            keys: of clips that are taken for something else than what they say, by content.
            should_stop: asked between two frames.

        Raises:
            ProjectError: the project cannot be read.
        """
        pools, clips = [], []
        with Snapshot.open(project) as snapshot:
            for clip in snapshot.clips:
                try:
                    found = self._clip(project, clip, keys or {})
                    pool = self._pool(found, snapshot, should_stop)
                except PanosodError as error:
                    clips.append(QueuedClip(clip.id, Path(clip.path), problem=str(error)))
                    continue
                if should_stop():
                    return None
                material = found.material
                clips.append(QueuedClip(clip.id, found.path, material.frames, material.frames_without_map()))
                if pool is not None:
                    pools.append(pool)
        return QueueView(joined(pools) if pools else None, tuple(clips))

    def _clip(self, project: Path, clip: Clip, keys: Mapping[str, CacheKey]) -> _Known:
        known = self._known.get(clip.id)
        key = keys.get(clip.content_id)
        if known is not None and _mark(known.path) == known.mark and key in (None, known.key):
            return known
        path = clip_file(project, clip, self._folders)
        if path is None:
            raise MediaError(f"{clip.path} is not where the project says, nor beside it under its name")
        info = probe(path)
        if info.video is None:
            raise MediaError(f"{path}: expected a panoramic video, there is only sound in it")
        # The file was found by its content, so that the project's word for it is right.
        geometry = chosen_geometry(info.video, "auto", eye=Eye.LEFT)
        key = key or clip_key(content=clip.content_id, model_id=self._model_id, geometry=geometry, audio=info.audio)
        material = ClipMaterial(clip.id, info, frame_count=clip.frame_count)
        made = _Known(path, _mark(path), key, material)
        self._known[clip.id] = made
        return made

    def _pool(self, found: _Known, snapshot: Snapshot, should_stop: Callable[[], bool]) -> Pool | None:
        key, material = found.key, found.material
        decided = decided_in(snapshot, material.clip)
        file = self._cache.folder / cache_files.file_name(key.content_id, key.model_id, key.settings)
        # Opening it would make it, for every clip that nobody has predicted.
        opening = self._cache.open(key) if file.is_file() else nullcontext(None)
        with opening as maps:
            return material.read(maps, decided, should_stop=should_stop)


def _mark(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return found.st_mtime_ns, found.st_size
