"""The page of the loop: frames of all runs count the same, what is wanted is judged, remarks by hand outlive it."""

from dataclasses import replace

import loop_page
import pytest
from loop_page import BENCHMARK, FIRST, OTHERS, REMARKS, WELL, Judged, Outcome

ROWS = tuple(Judged(name, 10, 0.5, 0.7, 4, 0.5, 0.75) for name in (FIRST, OTHERS, WELL, BENCHMARK))
OUTCOME = Outcome("python loop.py", "12 frames", "here", 9, "steps main 3; the gate: keep", 1.0, 2.0, 3.0, 0.5, ROWS)


def test_an_outcome_comes_back_from_its_file(tmp_path):
    OUTCOME.write(tmp_path / "of" / "0.json")
    assert Outcome.read(tmp_path / "of" / "0.json") == OUTCOME


def test_every_frame_and_every_choice_of_all_runs_counts_the_same():
    rows = (Judged(FIRST, 10, 0.2, 0.4, 4, 0.5, 1.0), Judged(FIRST, 30, 0.6, 0.6, 1, 0.0, 0.0))
    assert loop_page.together(rows) == Judged(
        FIRST, 40, pytest.approx(0.5), pytest.approx(0.55), 5, pytest.approx(0.4), pytest.approx(0.8)
    )


def test_runs_without_a_choice_say_nothing_of_twins():
    alone = Judged(FIRST, 10, 0.2, 0.4, 0, None, None)
    assert loop_page.together((alone, alone)).twins_after is None
    assert loop_page.together((alone, ROWS[0])).twins_after == ROWS[0].twins_after
    assert not alone.hears_worse


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "(met)(met)(met)"),
        ({OTHERS: {"f_after": 0.59}}, "(not met)(met)(met)"),
        ({FIRST: {"twins_after": 0.25}}, "(met)(not met)(met)"),
        ({WELL: {"twins_after": 0.25}, BENCHMARK: {"twins_after": 0.25}}, "(met)(met)(met)"),
        ({BENCHMARK: {"f_after": 0.47}}, "(met)(met)(not met)"),
    ],
)
def test_what_is_wanted_is_judged(changed, words):
    rows = [replace(row, **changed.get(row.name, {})) for row in ROWS]
    said = " ".join(loop_page.wanted(rows, wants=True))
    assert "".join(f"({part.split(')')[0]})" for part in said.split("(")[1:]) == words


def test_the_page_of_several_runs_has_all_of_them_together_and_keeps_remarks(tmp_path):
    text = loop_page.page("Title", "A look.", [OUTCOME, OUTCOME], wants=True)
    assert text.count(loop_page.HEAD) == 3 and "All 2 runs together" in text
    assert "together" not in loop_page.page("Title", "A look.", [OUTCOME], wants=True)
    before = tmp_path / "page.md"
    assert loop_page.with_remarks(text, before) == text
    before.write_text(f"old\n\n{REMARKS}\n\nBy hand.\n")
    assert loop_page.with_remarks(text, before) == f"{text}\n{REMARKS}\n\nBy hand.\n"
