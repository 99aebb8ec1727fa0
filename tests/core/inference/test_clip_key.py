"""What predictions are kept under changes with all that changes a map."""

import pytest

from panosod_core.geometry.picture import PictureGeometry
from panosod_core.inference import clip_key as module
from panosod_core.inference.clip_key import clip_key


def key():
    return clip_key(content="c" * 64, model_id="m" * 64, geometry=PictureGeometry(), audio=None)


def test_another_version_of_what_makes_maps_is_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    first = key()
    assert "maps" not in first.settings  # what was kept before versions were counted is of the first
    monkeypatch.setattr(module, "MAPS_VERSION", 2)
    second = key()
    assert (second.content_id, second.model_id) == (first.content_id, first.model_id)
    assert second.settings == f"{first.settings}; maps 2"
