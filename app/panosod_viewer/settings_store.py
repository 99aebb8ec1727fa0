"""The settings file: TOML that holds only what differs from the defaults.

What this version does not know, it leaves alone: keys of a newer version and values it cannot use stay in the file
until the person changes that very setting. Two open windows write only what each has changed.
"""

import copy
import os
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

import platformdirs

from panosod_core.errors import ConfigError
from panosod_viewer import toml_text
from panosod_viewer.settings import MAX_FILES, MAX_RECENT, FileChoice, Settings
from panosod_viewer.tracker.route import AngleOrder, AngleUnit, Argument, Route

_HEADER = "# Settings of panosod-viewer: only what differs from the defaults. Comments are not kept.\n"
_MAX_BYTES = 4 * 1024 * 1024
_GROUPS = ("appearance", "view", "playback", "audio", "tracker", "timeline", "prediction", "review", "window")
G = TypeVar("G")


def default_path() -> Path:
    """Where the settings of this user lie on this system."""
    return platformdirs.user_config_path("panosod", appauthor=False) / "viewer.toml"


class SettingsStore:
    """Reads the settings once and writes them whenever they change.

    Args:
        path: of the file; its folder is made when first written.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or default_path()
        self._known = Settings()

    def load(self) -> tuple[Settings, tuple[str, ...]]:
        """The settings, and what is worth telling the person about the file (one line each, mostly none)."""
        raw, warning = self._read()
        warnings = [warning] if warning else []
        settings = Settings()
        for group in _GROUPS:
            table = raw.get(group, {})
            if isinstance(table, Mapping):
                value, told = _decode_group(group, getattr(settings, group), table)
                settings = replace(settings, **{group: value})
                warnings += told
            else:
                warnings.append(f"{self.path}: [{group}] is not a table; its defaults are used")
        recent = raw.get("recent", [])
        if isinstance(recent, list):
            settings = replace(settings, recent=tuple(p for p in recent if isinstance(p, str))[:MAX_RECENT])
        keys = raw.get("keys")
        if isinstance(keys, Mapping):
            chosen = sorted((i, text) for i, text in _flat(keys) if isinstance(text, str))
            settings = replace(settings, keys=tuple(chosen))
        settings = replace(settings, files=tuple(_decode_files(raw.get("files")))[-MAX_FILES:])
        self._known = settings
        return settings, tuple(warnings)

    def save(self, settings: Settings) -> None:
        """Write what has changed since :meth:`load` or the last :meth:`save`; nothing where nothing has.

        Raises:
            ConfigError: the file cannot be written.
        """
        if settings == self._known:
            return
        raw, broken = self._read()
        if broken and self.path.exists():
            raise ConfigError(f"settings: {self.path} is left as it is, because it cannot be read. {broken}")
        merged = _merge(raw, self._known, settings)
        try:
            _write_atomically(self.path, _HEADER + toml_text.dumps(merged))
        except OSError as error:
            raise ConfigError(
                f"settings: cannot write {self.path} ({error.strerror or error}):"
                " they hold until the window is closed; check the folder's permissions"
            ) from error
        self._known = settings

    def _read(self) -> tuple[dict[str, Any], str]:
        """The file as it is, and one line if it is broken."""
        try:
            if self.path.stat().st_size > _MAX_BYTES:
                raise tomllib.TOMLDecodeError(f"larger than {_MAX_BYTES} bytes")
            return tomllib.loads(self.path.read_text(encoding="utf-8")), ""
        except FileNotFoundError:
            return {}, ""
        except OSError as error:
            return {}, f"Settings cannot be read from {self.path} ({error.strerror or error}); the defaults are used."
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
            kept = self._set_aside()
            where = f"it was kept as {kept.name}" if kept else "it could not be set aside"
            return {}, f"The settings file {self.path} is damaged ({error}); {where} and the defaults are used."

    def _set_aside(self) -> Path | None:
        for i in range(1, 100):
            aside = self.path.with_name(f"{self.path.name}.damaged-{i}")
            if not aside.exists():
                try:
                    return self.path.rename(aside)
                except OSError:
                    return None
        return None


# -- file to values -------------------------------------------------------------------------------------------------


def _decode_group(name: str, default: G, table: Mapping[str, Any]) -> tuple[G, list[str]]:
    """A group with the values of the table; a value that cannot be used leaves the default and gives one line."""
    group, told = default, []
    for each in fields(default):  # type: ignore[arg-type]  # G is always one of our dataclasses
        if each.name not in table:
            continue
        try:
            value = _decode(f"{name}.{each.name}", table[each.name], getattr(default, each.name))
            group = replace(group, **{each.name: value})  # type: ignore[type-var]  # as above
        except ConfigError as error:
            told.append(f"{error}; the default is used")
    return group, told


def _decode(name: str, value: Any, default: Any) -> Any:
    if name == "tracker.learned":
        return _decode_routes(value)
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(default):
        raise ConfigError(f"setting {name}: expected {_kind(default)}, got {value!r}")
    return value


def _kind(value: Any) -> str:
    return {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}[type(value)]


def _decode_routes(value: Any) -> tuple[Route, ...]:
    try:
        return tuple(
            Route(
                str(each["address"]),
                tuple(Argument.parse(word) for word in str(each["args"]).split()),
                AngleUnit(each.get("unit", AngleUnit.DEGREES)),
                AngleOrder(each.get("order", AngleOrder.YPR)),
            )
            for each in value
        )
    except (ConfigError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"setting tracker.learned: expected routes, got {error}") from error


def _flat(table: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names of a table: people may write keys.play.toggle without quotes."""
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def _decode_files(table: Any) -> Iterator[tuple[str, FileChoice]]:
    if not isinstance(table, Mapping):
        return
    for key, entry in table.items():
        if isinstance(entry, Mapping):
            choice, _ = _decode_group("files", FileChoice(), entry)
            if not choice.is_empty:
                yield key, choice


# -- values to file -------------------------------------------------------------------------------------------------


def _merge(raw: dict[str, Any], before: Settings, after: Settings) -> dict[str, Any]:
    """The file's content with what changed from ``before`` to ``after``; everything else as it was."""
    merged = copy.deepcopy(raw)
    default = Settings()
    for group in _GROUPS:
        old, new, plain = (getattr(s, group) for s in (before, after, default))
        if new == old:
            continue
        table = merged.get(group)
        table = table if isinstance(table, dict) else {}
        for each in fields(new):
            value = getattr(new, each.name)
            if value == getattr(old, each.name):
                continue
            if value == getattr(plain, each.name):
                table.pop(each.name, None)
            else:
                table[each.name] = _encode(value)
        _put(merged, group, table)
    if after.recent != before.recent:
        _put(merged, "recent", list(after.recent))
    if after.keys != before.keys:
        _put(merged, "keys", dict(after.keys))
    if after.files != before.files:
        _put(merged, "files", _merge_files(merged.get("files"), before, after))
    return merged


def _merge_files(table: Any, before: Settings, after: Settings) -> dict[str, Any]:
    files = dict(table) if isinstance(table, Mapping) else {}
    old, new = dict(before.files), dict(after.files)
    for key in old.keys() - new.keys():
        files.pop(key, None)
    for key, choice in after.files:
        if old.get(key) != choice:
            files.pop(key, None)
            files[key] = {f.name: v for f in fields(choice) if (v := getattr(choice, f.name)) != f.default}
    return dict(list(files.items())[-MAX_FILES:])


def _put(table: dict[str, Any], key: str, value: Any) -> None:
    if value:
        table[key] = value
    else:
        table.pop(key, None)


def _encode(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_encode(v) for v in value]
    if isinstance(value, Route):
        return {
            "address": value.address,
            "args": " ".join(a.text for a in value.args),
            "unit": str(value.unit),
            "order": str(value.order),
        }
    return value


def _write_atomically(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
