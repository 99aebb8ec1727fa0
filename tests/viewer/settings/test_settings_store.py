"""The settings file: sparse, kept whole, merged between windows, and harmless when broken."""

import math
import tomllib
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panosod_core.errors import ConfigError, MediaError
from panosod_viewer import toml_text
from panosod_viewer.settings import (
    MAX_FILES,
    MAX_RECENT,
    AppearanceSettings,
    AudioSettings,
    FileChoice,
    PlaybackSettings,
    Settings,
    ViewSettings,
    content_key,
)
from panosod_viewer.settings_store import SettingsStore, default_path
from panosod_viewer.tracker.config import TrackerConfig
from panosod_viewer.tracker.route import AngleOrder, AngleUnit, route

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalar = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    text,
    st.dates(),
    st.datetimes(),
    st.times(),
)
value = st.recursive(
    scalar,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(text, inner, max_size=4)),
    max_leaves=12,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "config" / "viewer.toml"


@given(st.dictionaries(text, value, max_size=5))
@settings(max_examples=200, deadline=None)
def test_toml_text_reads_back(document):
    assert tomllib.loads(toml_text.dumps(document)) == document


def test_toml_text_keeps_nan_and_refuses_what_has_no_form():
    assert math.isnan(tomllib.loads(toml_text.dumps({"x": math.nan}))["x"])
    with pytest.raises(ValueError, match="NoneType"):
        toml_text.dumps({"x": None})


def changed_settings() -> Settings:
    return Settings(
        appearance=AppearanceSettings("dark"),
        view=ViewSettings(fov_deg=75.5, inertia=True, render_scale=0.5),
        playback=PlaybackSettings(volume=0.25, muted=True),
        audio=AudioSettings(device="Kopfhörer “X”", sofa="C:\\a\tb.sofa", head_locked_gain_db=-6.0),
        tracker=TrackerConfig(
            enabled=True,
            port=7000,
            preset="learned",
            invert_roll=True,
            learned=(route("/h", "- -yaw roll", unit=AngleUnit.RADIANS, order=AngleOrder.RPY),),
        ),
        recent=("/a/b.mp4", "/ä\n.mp4"),
        files=(("12-ab", FileChoice(projection="flat", sound="fuma", path="/a/b.mp4")),),
    )


def test_what_is_saved_is_loaded(path):
    store = SettingsStore(path)
    assert store.load() == (Settings(), ())
    store.save(changed_settings())
    assert SettingsStore(path).load() == (changed_settings(), ())


def test_only_differences_are_written(path):
    store = SettingsStore(path)
    store.load()
    store.save(Settings())
    assert not path.exists()
    store.save(replace(Settings(), view=ViewSettings(fov_deg=70)))
    assert tomllib.loads(path.read_text()) == {"view": {"fov_deg": 70.0}}
    store.save(Settings())
    assert tomllib.loads(path.read_text()) == {}


def test_every_field_round_trips(path):
    """A field that the store forgot would come back as its default."""
    changed = changed_settings()
    for group in fields(Settings):
        store = SettingsStore(path.with_name(f"{group.name}.toml"))
        store.load()
        only = replace(Settings(), **{group.name: getattr(changed, group.name)})
        store.save(only)
        assert SettingsStore(store.path).load()[0] == only


def test_unknown_keys_and_unusable_values_are_kept(path):
    path.parent.mkdir()
    path.write_text(
        'future = 3\n[view]\nfov_deg = 900\nshimmer = "yes"\n[tracker]\nport = "big"\n[newer.deep]\nx = [1, {a = 2}]\n'
    )
    store = SettingsStore(path)
    loaded, warnings = store.load()
    assert loaded == Settings()
    assert len(warnings) == 2
    assert any("view.fov_deg: expected 5 to 320, got 900" in w for w in warnings)
    assert any("tracker.port: expected a whole number, got 'big'" in w for w in warnings)
    store.save(replace(loaded, view=replace(loaded.view, inertia=True)))
    kept = tomllib.loads(path.read_text())
    assert kept["future"] == 3
    assert kept["view"] == {"fov_deg": 900, "shimmer": "yes", "inertia": True}
    assert kept["tracker"] == {"port": "big"}
    assert kept["newer"] == {"deep": {"x": [1, {"a": 2}]}}
    store.save(replace(loaded, view=ViewSettings(fov_deg=60)))
    assert tomllib.loads(path.read_text())["view"] == {"fov_deg": 60.0, "shimmer": "yes"}


@pytest.mark.parametrize("content", [b"[view\nfov", b"\xff\xfe\x00", b"a = 1\na = 2\n", b"x = " + b"[" * 5000, b"\x00"])
def test_a_damaged_file_is_kept_aside_with_one_warning(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    store = SettingsStore(path)
    loaded, warnings = store.load()
    assert loaded == Settings()
    (warning,) = warnings
    assert "damaged" in warning and "viewer.toml.damaged-1" in warning and "\n" not in warning
    assert path.with_name("viewer.toml.damaged-1").read_bytes() == content
    store.save(replace(loaded, view=ViewSettings(fov_deg=60)))
    path.write_bytes(content)
    SettingsStore(path).load()
    assert path.with_name("viewer.toml.damaged-2").read_bytes() == content


def test_wrong_kinds_of_groups_are_survived(path):
    path.parent.mkdir()
    path.write_text('view = 3\nrecent = "x"\nfiles = [1]\n[tracker]\nlearned = [{args = 3}]\npreset = "gone"\n')
    loaded, warnings = SettingsStore(path).load()
    assert loaded == Settings()
    assert len(warnings) == 3


def test_two_windows_do_not_undo_each_other(path):
    one, two = SettingsStore(path), SettingsStore(path)
    first, second = one.load()[0], two.load()[0]
    one.save(replace(first, view=ViewSettings(fov_deg=60)).with_choice("k1", FileChoice(sound="fuma")))
    two.save(replace(second, playback=PlaybackSettings(volume=0.5)).with_choice("k2", FileChoice(sound="n3d")))
    both = SettingsStore(path).load()[0]
    assert (both.view.fov_deg, both.playback.volume) == (60.0, 0.5)
    assert dict(both.files).keys() == {"k1", "k2"}


def test_a_folder_that_cannot_be_written_says_so(tmp_path):
    blocker = tmp_path / "file"
    blocker.write_text("not a folder")
    store = SettingsStore(blocker / "viewer.toml")
    store.load()
    with pytest.raises(ConfigError, match="cannot write"):
        store.save(replace(Settings(), view=ViewSettings(fov_deg=60)))


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(path, monkeypatch):
    store = SettingsStore(path)
    store.load()
    store.save(replace(Settings(), view=ViewSettings(fov_deg=60)))
    before = path.read_bytes()

    def no_space(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(ConfigError, match="No space left"):
        store.save(replace(Settings(), view=ViewSettings(fov_deg=70)))
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["viewer.toml"]


def test_a_file_that_cannot_be_read_is_not_replaced(path, monkeypatch):
    path.parent.mkdir()
    path.write_text("[view]\nfov_deg = 70\n")

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_text", denied)
    store = SettingsStore(path)
    loaded, (warning,) = store.load()
    assert loaded == Settings()
    assert "Permission denied" in warning
    with pytest.raises(ConfigError, match="left as it is"):
        store.save(replace(loaded, view=ViewSettings(fov_deg=60)))
    assert path.read_bytes() == b"[view]\nfov_deg = 70\n"


def test_recent_files_are_unique_newest_first_and_few(tmp_path):
    made = Settings()
    for i in range(20):
        made = made.with_recent(tmp_path / f"{i}.mp4")
    made = made.with_recent(tmp_path / "15.mp4")
    assert len(made.recent) == MAX_RECENT
    assert made.recent[:2] == (str(tmp_path / "15.mp4"), str(tmp_path / "19.mp4"))
    assert made.without_recent(made.recent[0]).recent == made.recent[1:]
    assert made.without_recent().recent == ()


def test_choices_are_remembered_forgotten_and_bounded():
    made = Settings()
    for i in range(MAX_FILES + 5):
        made = made.with_choice(f"k{i}", FileChoice(sound="fuma"))
    assert len(made.files) == MAX_FILES
    assert made.choice_for("k0").is_empty
    assert made.choice_for("k300").sound == "fuma"
    assert made.with_choice("k300", FileChoice(path="/x")).choice_for("k300").is_empty


def test_content_keys_follow_the_content(tmp_path):
    big = bytes(range(256)) * 2000
    a, b, c, empty = (tmp_path / name for name in ("a", "b", "c", "empty"))
    a.write_bytes(big)
    b.write_bytes(big)
    c.write_bytes(big[:-1] + b"!")
    empty.write_bytes(b"")
    assert content_key(a) == content_key(b) != content_key(c)
    assert content_key(empty).startswith("0-")
    with pytest.raises(MediaError, match="expected a readable file"):
        content_key(tmp_path / "missing")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ViewSettings(fov_deg=math.nan), "view.fov_deg"),
        (lambda: ViewSettings(render_scale=0.1), "render_scale"),
        (lambda: PlaybackSettings(volume=1.5), "volume"),
        (lambda: AudioSettings(head_locked_gain_db=20), "head_locked_gain_db"),
        (lambda: AppearanceSettings("pink"), "auto, dark, light"),
    ],
)
def test_settings_check_themselves(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_the_default_path_is_the_users():
    assert default_path().name == "viewer.toml"
    assert "panosod" in default_path().parts
