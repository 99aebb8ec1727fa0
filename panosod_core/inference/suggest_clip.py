"""Suggestions for the frames around a corrected one of a clip, in a process of its own: only torch runs the teacher.

``python -m panosod_core.inference.suggest_clip REQUEST ANSWER``: both are NPZ files. What comes out is shown to a
person; nothing is written into any project.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from panosod_core.errors import PanosodError, PredictionError
from panosod_core.inference.clip_feed import ClipFeed, ClipTaking, plan_clip
from panosod_core.inference.engine import open_engine
from panosod_core.inference.engine_protocol import Engine
from panosod_core.inference.library import find_model
from panosod_core.inference.suggesting import as_mask, can_suggest
from panosod_core.inference.suggestions import SuggestedMask, read_request, write_answer
from panosod_core.media.video import never
from panosod_core.model.picture import fit_mask


def suggest_around(
    engine: Engine, feed: ClipFeed, *, index: int, mask: NDArray[np.bool_], should_stop: Callable[[], bool] = never
) -> list[SuggestedMask]:
    """The frames of the corrected one's window, one spacing before and after it.

    Args:
        engine: opened with its teacher.
        feed: the clip; its picture must not be tilted.
        index: of the corrected frame.
        mask: (H, W) bool of it.
        should_stop: asked between the steps of the work.

    Raises:
        PredictionError: the engine has no such branch.
        MediaError: the clip cannot be read there.
    """
    if not can_suggest(engine):
        raise PredictionError(
            "expected a model whose teacher takes single masks (presets panosod and small), run by torch; this one "
            "cannot suggest masks for the frames around a corrected one"
        )
    config, maker = engine.config, feed.windows(engine)
    known = {index: fit_mask(mask, height=config.height_px, width=config.width_px)}
    height, width = mask.shape
    found = []
    for step in range(1, config.window_centre + 1):
        for other in (index - step * maker.window_step, index + step * maker.window_step):
            if 0 <= other < feed.frame_count:
                made = maker.make_guided(other, known, should_stop=should_stop)
                found.append(SuggestedMask(other, as_mask(made.saliency, width=width, height=height)))
    return sorted(found, key=lambda s: s.index)


def main(words: list[str]) -> int:
    """Be the process."""
    request_path, answer_path = (Path(word) for word in words)
    request, mask = read_request(request_path)
    try:
        plan = plan_clip(Path(request.media), ClipTaking(request.picture, request.eye, request.sound))
        if any(plan.geometry.pose_deg) or not plan.geometry.bounds.is_full:
            raise PredictionError("suggestions are made for clips whose picture is upright and covers the whole sphere")
        engine = open_engine(find_model(request.model) if request.model else None, device=request.device, guided=True)
        with ClipFeed(Path(request.media), plan, engine.config) as feed:
            found = suggest_around(engine, feed, index=request.index, mask=mask)
    except PanosodError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    write_answer(answer_path, engine.model_id, found, shape=(mask.shape[0], mask.shape[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
