"""Every message comes back from its line as it was; what is none is refused."""

import json
from dataclasses import fields
from typing import get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panosod_core.inference.messages import MAX_LINE_BYTES, Event, MapMade, MoveTo, Request, decode, encode

KINDS = (*get_args(Request), *get_args(Event))
VALUES = {
    str: st.text(),
    int: st.integers(-(2**53), 2**53),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
}


@st.composite
def messages(draw):
    kind = draw(st.sampled_from(KINDS))
    hints = get_type_hints(kind)
    return kind(**{f.name: draw(VALUES[hints[f.name]]) for f in fields(kind)})


@given(message=messages())
def test_a_message_comes_through_its_line(message):
    line = encode(message)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert decode(line) == message


def test_names_of_files_that_are_no_text_come_through():
    from panosod_core.inference.messages import OpenClip

    path = b"/clips/\xff\xfe.mp4".decode(errors="surrogateescape")
    assert decode(encode(OpenClip(1, path))).path == path


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"\xff\xfe",
        b'{"kind": "Elephant"}',
        b'{"kind": "MapMade"}',
        json.dumps({"kind": "MapMade", "generation": 1, "index": "3", "is_carried": False}).encode(),
        json.dumps({"kind": "MapMade", "generation": True, "index": 3, "is_carried": False}).encode(),
        json.dumps({"kind": "MapMade", "generation": 1, "index": 3, "is_carried": False, "more": 1}).encode(),
        b" " * (MAX_LINE_BYTES + 1),
    ],
)
def test_what_is_no_message_is_refused(line):
    with pytest.raises(ValueError):
        decode(line)


def test_what_may_be_left_out_has_its_default_and_whole_numbers_are_numbers():
    assert decode(b'{"kind": "MoveTo", "generation": 2, "index": 5, "speed": 2}') == MoveTo(2, 5, speed=2.0)
    assert decode(encode(MapMade(1, 2, True))) == MapMade(1, 2, True)
