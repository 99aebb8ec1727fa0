import re
from dataclasses import replace

import pytest
from PySide6.QtGui import QKeySequence

from panosod_viewer.actions import ACTIONS, GROUPS, POINTER, build_actions, duplicate_keys, help_rows


def test_no_key_has_two_meanings_in_a_context():
    assert duplicate_keys(ACTIONS) == []


def test_a_key_with_two_meanings_would_be_found():
    space = next(a for a in ACTIONS if a.id == "play.toggle")
    other = replace(space, id="other", keys=("space",))
    assert duplicate_keys([*ACTIONS, other]) == [(space.context, "Space", "play.toggle", "other")]


def test_ids_are_unique_and_every_group_is_a_menu():
    ids = [a.id for a in ACTIONS]
    assert len(ids) == len(set(ids))
    assert {a.group for a in ACTIONS} == set(GROUPS)


@pytest.mark.parametrize("spec", ACTIONS, ids=lambda s: s.id)
def test_every_key_is_one_that_qt_knows(spec):
    for key in spec.keys:
        assert not QKeySequence(key).isEmpty()
        assert QKeySequence(key)[0].key() != 0
    assert not re.search(r"[&…]", spec.label)


def test_mnemonics_within_a_menu_differ():
    for group in GROUPS:
        letters = [m.group(1).lower() for a in ACTIONS if a.group == group for m in [re.search(r"&(\w)", a.text)] if m]
        assert len(letters) == len(set(letters)), (group, sorted(letters))


@pytest.mark.parametrize(
    ("key", "id_"),
    [
        ("Space", "play.toggle"),
        ("Left", "play.previous_frame"),
        ("Shift+Right", "play.next_ten"),
        ("Ctrl+Left", "view.left"),
        ("Home", "view.recentre"),
        ("J", "play.slower"),
        ("K", "play.stop"),
        ("L", "play.faster"),
        ("F1", "help.keys"),
        ("F11", "view.fullscreen"),
        ("Esc", "view.leave"),
        ("B", "annotate.brush"),
        ("E", "annotate.eraser"),
        ("[", "annotate.smaller"),
        ("]", "annotate.larger"),
        ("1", "annotate.object_1"),
        ("Tab", "annotate.next_object"),
        ("Del", "annotate.delete"),
        ("Ctrl+Z", "annotate.undo"),
        ("Ctrl+Shift+Z", "annotate.redo"),
        ("Ctrl+Y", "annotate.redo"),
        ("Ctrl+L", "annotate.lock"),
    ],
)
def test_the_keys_that_people_know(key, id_):
    assert key in next(a for a in ACTIONS if a.id == id_).keys


def test_qt_actions_are_built_from_the_table(qapp):
    from PySide6.QtCore import QObject

    parent = QObject()
    actions = build_actions(parent)
    assert list(actions) == [a.id for a in ACTIONS]
    assert actions["view.fullscreen"].isCheckable()
    assert actions["play.next_frame"].autoRepeat()
    assert not actions["play.toggle"].autoRepeat()


def test_the_pointer_has_its_lines_in_the_help():
    rows = help_rows()
    assert set(POINTER) <= set(rows)
    assert len({row.id for row in rows}) == len(rows)
    assert all(row.keys and "&" not in row.text for row in rows)
