"""What is asked of the process that suggests masks, and what it answers: two files. No torch, no network."""

import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from panosod_core.errors import PredictionError


@dataclass(frozen=True)
class SuggestRequest:
    """What is asked.

    Attributes:
        media: the clip.
        model: weights; "" for the model in use.
        index: of the corrected frame.
        picture, eye, sound: what the clip is taken for, as in :class:`~panosod_core.inference.clip_feed.ClipTaking`.
        device: where the model runs.
    """

    media: str
    model: str
    index: int
    picture: str = "auto"
    eye: str = "left"
    sound: str = "auto"
    device: str = "auto"


@dataclass(frozen=True, eq=False)
class SuggestedMask:
    """What the label-guided branch sees in a frame.

    Attributes:
        index: of the frame.
        mask: (H, W) bool, in the size of the mask that was given.
    """

    index: int
    mask: NDArray[np.bool_]


def write_request(path: Path, request: SuggestRequest, mask: NDArray[np.bool_]) -> None:
    """For the process: what is asked, and the corrected mask, (H, W) in the clip's own frame."""
    np.savez_compressed(path, request=np.array(json.dumps(asdict(request))), mask=mask)


def read_answer(path: Path) -> tuple[str, tuple[SuggestedMask, ...]]:
    """Id of the model, and what it suggests.

    Raises:
        PredictionError: there is no answer.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            masks = zip(held["indices"], held["masks"], strict=True)
            return str(held["model_id"]), tuple(SuggestedMask(int(n), np.asarray(m, np.bool_)) for n, m in masks)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise PredictionError(f"no suggestions came back ({error})") from error


def read_request(path: Path) -> tuple[SuggestRequest, NDArray[np.bool_]]:
    """In the process: what :func:`write_request` wrote."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
        return SuggestRequest(**json.loads(str(held["request"]))), np.asarray(held["mask"], np.bool_)


def write_answer(path: Path, model_id: str, found: Sequence[SuggestedMask], *, shape: tuple[int, int]) -> None:
    """In the process: what :func:`read_answer` reads.

    Args:
        path: of the file.
        model_id: of the model that was asked.
        found: masks of one size.
        shape: their height and width.
    """
    np.savez_compressed(
        path,
        model_id=np.array(model_id),
        indices=np.array([s.index for s in found], np.int64),
        masks=np.array([s.mask for s in found], np.bool_).reshape(len(found), *shape),
    )
