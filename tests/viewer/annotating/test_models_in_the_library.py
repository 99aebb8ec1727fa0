"""The models of this machine in the window: the dialog, its thread on a real library, and what both say."""

import threading

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLineEdit
from safetensors.numpy import save_file

from panosod_core.inference.library import ModelLibrary
from panosod_core.inference.model_file import ModelFile
from panosod_core.resources import demo_model_path
from panosod_viewer.annotating.model_library import LibraryLink
from panosod_viewer.panels.models_dialog import ModelsDialog
from panosod_viewer.tools.model_cards import cards_of
from panosod_viewer.workers.model_shelf import ModelShelf, ShelfChanged, ShelfRefused, ShelfSeen
from tests.viewer.annotating.finetune_events import EVALUATION

PATIENCE_MS = 60_000
SCORES = EVALUATION["verdict"]["overall"] | {"advice": "keep"}


@pytest.fixture(autouse=True)
def own_library(tmp_path, monkeypatch):
    monkeypatch.setenv("PANOSOD_MODELS", str(tmp_path / "models"))


@pytest.fixture
def files(tmp_path):
    """Two model files that differ in a note of their headers."""
    from safetensors import safe_open

    with safe_open(demo_model_path(), framework="np") as held:
        header = held.metadata()
        names = list(held.keys())[:1]
        tensors = {name: held.get_tensor(name) for name in names}
    paths = []
    for k in range(2):
        paths.append(tmp_path / f"m{k}.safetensors")
        save_file({n: t + np.asarray(k, t.dtype) for n, t in tensors.items()}, paths[-1], metadata=header)
    return paths


@pytest.fixture
def library(files):
    """Both are in it; the second was trained from the first and is used."""
    made = ModelLibrary()
    first = made.add(files[0], name="street")
    second = made.add(files[1], name="street-2", parent=first.model_id, snapshot="f0" * 32, seed=3,
                      config={"preset": "frozen", "minutes": 20.0}, scores=SCORES)  # fmt: skip
    made.promote(second.model_id)
    return made


def all_cards(library):
    records = library.records()
    places = {r.model_id: library.path(r) for r in records}
    return cards_of(records, default=library.default_id, places=places, shipped=demo_model_path())


@pytest.fixture
def dialog(qtbot, library):
    made = ModelsDialog()
    qtbot.addWidget(made)
    made.set_cards(all_cards(library))
    with qtbot.waitExposed(made):
        made.show()
    return made


def pick(dialog, *names):
    dialog.models.clearSelection()
    for n in range(dialog.models.topLevelItemCount()):
        item = dialog.models.topLevelItem(n)
        item.setSelected(item.text(0) in names)


def test_cards_say_all_that_is_known(library):
    newest, oldest, shipped = all_cards(library)
    assert (newest.name, newest.is_default, newest.parent) == ("street-2", True, "street")
    assert newest.score == "0.612 → 0.701" and not oldest.is_default and not oldest.parent
    details = dict(newest.details)
    assert details["Seed"] == "3" and details["Snapshot"] == "f0" * 32 and details["Preset"] == "frozen"
    assert oldest.model_id in details["Trained from"] and "12 frames" in details["Location, °"]
    assert details["The gate said"] == "keep" and details["Model"] == newest.model_id
    assert shipped.is_shipped and shipped.path == demo_model_path() and not shipped.is_default


BUTTONS = {
    ("street-2",): {"export", "rename"},
    ("street",): {"export", "rename", "delete", "use"},
    ("The one that comes with panosod",): {"use"},
    ("street", "street-2"): {"compare"},
    ("street", "The one that comes with panosod"): {"compare"},
    ("street", "street-2", "The one that comes with panosod"): set(),
    (): set(),
}


@pytest.mark.parametrize("names", BUTTONS, ids=str)
def test_what_can_be_done_with_a_selection(dialog, names):
    pick(dialog, *names)
    buttons = ("export", "rename", "delete", "use", "compare")
    assert {b for b in buttons if getattr(dialog, b).isEnabled()} == BUTTONS[names]
    assert dialog.add.isEnabled() and bool(dialog.details.topLevelItemCount()) == (len(names) == 1)


def test_a_name_is_typed_in_the_list(dialog, qtbot):
    pick(dialog, "street")
    QTest.mouseClick(dialog.rename, Qt.MouseButton.LeftButton)
    editor = dialog.models.findChild(QLineEdit)
    with qtbot.waitSignal(dialog.rename_requested) as caught:
        editor.setText("kitchen")
        QTest.keyClick(editor, Qt.Key.Key_Return)
    assert caught.args[1] == "kitchen"
    assert [dialog.models.topLevelItem(n).text(0) for n in range(2)] == ["street-2", "street"], "until it is done"


def test_deleting_is_said_twice(dialog, qtbot):
    pick(dialog, "street")
    with qtbot.assertNotEmitted(dialog.delete_requested):
        QTest.mouseClick(dialog.delete, Qt.MouseButton.LeftButton)
    assert "cannot be brought back" in dialog.word.text()
    pick(dialog, "street-2")
    pick(dialog, "street")
    assert dialog.delete.text() == "Delete", "another selection takes it back"
    QTest.mouseClick(dialog.delete, Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(dialog.delete_requested) as caught:
        QTest.mouseClick(dialog.delete, Qt.MouseButton.LeftButton)
    assert caught.args == [next(c for c in dialog._cards.values() if c.name == "street").model_id]


def test_the_selection_survives_a_new_list(dialog, library):
    pick(dialog, "street")
    library.rename("street", "alley")
    dialog.set_cards(all_cards(library))
    assert [c.name for c in dialog.chosen] == ["alley"]


class Letters:
    def __init__(self):
        self.all, self._came = [], threading.Condition()

    def __call__(self, letter):
        with self._came:
            self.all.append(letter)
            self._came.notify_all()

    def wait(self, kind):
        with self._came:
            assert self._came.wait_for(lambda: any(isinstance(le, kind) for le in self.all), timeout=60), self.all
            found = next(le for le in self.all if isinstance(le, kind))
            self.all.remove(found)
            return found


@pytest.fixture
def shelf(library):
    letters = Letters()
    made = ModelShelf(letters)
    yield made, letters
    assert made.close(timeout_s=60.0)


def test_the_shelf_does_what_is_asked(shelf, library, files, tmp_path):
    thread, letters = shelf
    thread.list()
    newest, oldest, _ = letters.wait(ShelfSeen).cards
    thread.use(oldest.model_id)
    changed = letters.wait(ShelfChanged)
    assert changed.is_default_changed and "street" in changed.text and library.default_id == oldest.model_id
    thread.rename(newest.model_id, "kitchen")
    assert "kitchen" in letters.wait(ShelfChanged).text and library.find("kitchen").model_id == newest.model_id
    thread.export(newest.model_id, tmp_path / "out.safetensors")
    letters.wait(ShelfChanged)
    assert (tmp_path / "out.safetensors").read_bytes() == files[1].read_bytes()
    assert (tmp_path / "out.json").is_file()
    thread.delete(newest.model_id)
    assert not letters.wait(ShelfChanged).is_default_changed
    assert [r.model_id for r in library.records()] == [oldest.model_id]
    thread.add(tmp_path / "out.safetensors")
    letters.wait(ShelfChanged)
    assert {r.model_id for r in library.records()} == {oldest.model_id, newest.model_id}
    thread.use("")
    assert letters.wait(ShelfChanged).is_default_changed and library.default_id is None


def test_what_cannot_be_done_is_told(shelf, library, tmp_path):
    thread, letters = shelf
    default = library.default_id
    thread.delete(default)
    assert "is the default" in letters.wait(ShelfRefused).text
    thread.rename(default, "street")
    assert "already" in letters.wait(ShelfRefused).text
    (tmp_path / "no.safetensors").write_bytes(b"no model")
    thread.add(tmp_path / "no.safetensors")
    assert "no.safetensors" in letters.wait(ShelfRefused).text
    (tmp_path / "there").write_bytes(b"")
    thread.export(default, tmp_path / "there")
    assert "is there already" in letters.wait(ShelfRefused).text


@pytest.fixture
def link(qtbot, library):
    from panosod_viewer.main_window import MainWindow

    window = MainWindow()
    qtbot.addWidget(window)
    made = LibraryLink(window)
    yield made
    made.close()


def test_the_dialog_at_work(qtbot, link, library, files, tmp_path, monkeypatch):
    link.show()
    dialog = link.dialog
    qtbot.waitUntil(lambda: dialog.models.topLevelItemCount() == 3, timeout=PATIENCE_MS)
    before = library.default_id
    pick(dialog, "street")
    with qtbot.waitSignal(link.default_changed, timeout=PATIENCE_MS):
        QTest.mouseClick(dialog.use, Qt.MouseButton.LeftButton)
    assert library.default_id == ModelFile.read(files[0]).model_id != before
    qtbot.waitUntil(lambda: dialog.models.topLevelItem(1).text(1) == "in use", timeout=PATIENCE_MS)
    pick(dialog, "street", "street-2")
    with qtbot.waitSignal(link.compare_wished) as caught:
        QTest.mouseClick(dialog.compare, Qt.MouseButton.LeftButton)
    assert caught.args == ["", str(library.path(library.find("street-2")))], "the default one lies on the left"
    pick(dialog, "street-2", "The one that comes with panosod")
    with qtbot.waitSignal(link.compare_wished) as caught:
        QTest.mouseClick(dialog.compare, Qt.MouseButton.LeftButton)
    assert caught.args == [str(library.path(library.find("street-2"))), str(demo_model_path())]
    target = tmp_path / "copy.safetensors"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(target), ""))
    pick(dialog, "street-2")
    QTest.mouseClick(dialog.export, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "Exported" in dialog.word.text(), timeout=PATIENCE_MS)
    for _ in range(2):
        QTest.mouseClick(dialog.delete, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dialog.models.topLevelItemCount() == 2, timeout=PATIENCE_MS)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_, **__: (str(target), ""))
    QTest.mouseClick(dialog.add, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dialog.models.topLevelItemCount() == 3, timeout=PATIENCE_MS)
    assert library.find("copy").model_id == ModelFile.read(files[1]).model_id
