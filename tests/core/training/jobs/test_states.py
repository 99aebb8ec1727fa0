"""The life of a job: what may follow what, and that every way through it ends."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panosod_core.training.jobs.states import AT_REST, AT_WORK, MAY_BECOME, JobState, check_step

S = JobState


def test_the_way_that_a_good_job_goes():
    way = [S.DRAFT, S.QUEUED, S.PREPARING, S.RUNNING, S.FINISHED, S.EVALUATED, S.PROMOTED]
    for before, after in itertools.pairwise(way):
        check_step(before, after)


@given(st.sampled_from(list(S)), st.sampled_from(list(S)))
def test_only_steps_of_the_table_are_taken(before, after):
    if after in MAY_BECOME[before]:
        check_step(before, after)
    else:
        with pytest.raises(ValueError, match=f"{before} cannot become {after}"):
            check_step(before, after)


def test_every_state_is_reached_and_can_come_to_rest():
    assert set(MAY_BECOME) == set(S)
    reached, frontier = {S.DRAFT}, {S.DRAFT}
    while frontier:
        frontier = {after for before in frontier for after in MAY_BECOME[before]} - reached
        reached |= frontier
    assert reached == set(S)
    resting = set(AT_REST)
    while more := {s for s in S if MAY_BECOME[s] & resting} - resting:
        resting |= more
    assert resting == set(S)


def test_nothing_leaves_rest_and_nobody_skips_the_judge():
    assert all(not MAY_BECOME[s] for s in AT_REST)
    assert {s for s in S if S.PROMOTED in MAY_BECOME[s]} == {S.EVALUATED}
    assert {s for s in S if S.EVALUATED in MAY_BECOME[s]} == {S.FINISHED, S.STOPPED}


def test_a_job_at_work_can_always_be_given_up_fail_or_be_found_again():
    for state in AT_WORK:
        assert {S.CANCELLED, S.FAILED, S.QUEUED} <= MAY_BECOME[state]


def test_stopping_may_be_taken_back():
    assert S.STOPPING in MAY_BECOME[S.RUNNING] and S.RUNNING in MAY_BECOME[S.STOPPING]
