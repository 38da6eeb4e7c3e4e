"""A lease in the store, and each row of a worker's table."""

from __future__ import annotations

import pytest

from agent.sessions.lease import Fenced, Granted, Lease, Presence, Refused, acquire, admit, release, renew, seen
from agent.sessions.tenure import TABLE, Act, Begin, Phase, Request, Sign, Stop, Tenure, Terms

LENGTH = Terms().length_ms
ASK = Request("acquire", 0, 1_000)
OWNED = Lease("a", 7, 5_000)


def test_the_first_who_asks_owns_it_until_it_runs_out() -> None:
    lease, reply = acquire(Lease(), "a", 1_000, LENGTH)
    assert (lease, reply) == (Lease("a", 1, 1_900), Granted(1))
    assert acquire(lease, "b", 1_899, LENGTH) == (lease, Refused(1, "a"))
    assert acquire(lease, "a", 1_500, LENGTH) == (lease, Refused(400, "a")), "also who owns it"
    assert acquire(lease, "b", 1_900, LENGTH) == (Lease("b", 2, 2_800), Granted(2, "a"))
    assert acquire(lease, "a", 1_900, LENGTH) == (Lease("a", 2, 2_800), Granted(2, "a")), "nobody had it in between"


def test_a_token_is_larger_than_any_before_even_if_those_are_not_known() -> None:
    assert acquire(Lease(), "a", 0, LENGTH, floor=5_000)[1] == Granted(5_000)
    assert acquire(OWNED, "b", 9_000, LENGTH, floor=3)[1] == Granted(8, "a")


def test_what_ran_out_while_the_store_was_away_is_its_owners_for_a_while() -> None:
    reserved = {"now_ms": 6_000, "length_ms": LENGTH, "reserved_ms": 6_500}
    assert acquire(OWNED, "b", **reserved) == (OWNED, Refused(500, "a"))
    assert acquire(OWNED, "a", **reserved)[1] == Granted(8, "a")
    assert acquire(release(OWNED, 7), "b", **reserved)[1] == Granted(8, ""), "what was given back is free"
    assert acquire(OWNED, "b", 6_500, LENGTH, reserved_ms=6_500)[1] == Granted(8, "a")


def test_a_store_was_away_when_nobody_was_heard_for_longer_than_any_owner_is_silent() -> None:
    there = seen(Presence(1_000, 0), 1_600, LENGTH)
    assert there == Presence(1_600, 0)
    assert seen(there, 2_201, LENGTH) == Presence(2_201, 3_101)
    assert seen(Presence(2_201, 3_101), 2_400, LENGTH) == Presence(2_400, 3_101)


def test_it_is_renewed_by_its_owner_in_time_only() -> None:
    assert renew(OWNED, 7, 4_999, LENGTH) == (Lease("a", 7, 5_899), Granted(7))
    assert renew(OWNED, 7, 1_000, LENGTH) == (OWNED, Granted(7)), "a clock that goes back shortens nothing"
    for token, now in ((7, 5_000), (6, 4_000), (8, 4_000)):
        assert renew(OWNED, token, now, LENGTH) == (OWNED, Refused(owner="a"))
    assert renew(release(OWNED, 7), 7, 4_000, LENGTH)[1] == Refused()


def test_what_was_given_back_is_free_at_once_and_keeps_its_number() -> None:
    assert release(OWNED, 6) == OWNED
    assert acquire(release(OWNED, 7), "b", 1_000, LENGTH) == (Lease("b", 8, 1_900), Granted(8, ""))


def test_only_the_newest_token_may_write() -> None:
    admit(OWNED, 7)
    for token in (6, 8, 0):
        with pytest.raises(Fenced, match=f"token was {token}, the newest is 7"):
            admit(OWNED, token)
    with pytest.raises(Fenced, match="given back"):
        admit(release(OWNED, 7), 7)


def test_a_nameless_owner_and_odd_terms_are_refused() -> None:
    with pytest.raises(ValueError, match="owner: expected a name"):
        acquire(Lease(), "", 0, LENGTH)
    for terms in ({"beat_ms": 0}, {"beat_ms": 800}, {"margin_ms": 0}, {"patience_ms": 0}):
        with pytest.raises(ValueError, match="expected 0 < beat_ms"):
            Terms(**terms)


def asking() -> Tenure:
    tenure = Tenure()
    assert tenure.want(1_000) == [ASK]
    return tenure


def owner() -> Tenure:
    """Good until 1,750."""
    tenure = asking()
    assert tenure.replied(ASK, Granted(4), 1_100) == [Begin(4)]
    return tenure


def test_it_begins_with_the_grant_and_counts_from_the_question() -> None:
    tenure = owner()
    assert tenure.token == 4
    assert tenure.may_act(1_749)
    assert not tenure.may_act(1_750)
    assert tenure.want(1_200) == [], "it is ours"


def test_a_grant_that_comes_too_late_is_given_back() -> None:
    tenure = asking()
    assert tenure.replied(ASK, Granted(4), 1_750) == [Request("release", 4, 1_750)]
    assert not tenure.may_act(1_750)


def test_who_is_refused_may_ask_again() -> None:
    tenure = asking()
    assert tenure.replied(ASK, Refused(300), 1_100) == []
    assert tenure.want(1_400) == [Request("acquire", 0, 1_400)]


def test_who_hears_nothing_may_ask_again_and_gives_back_what_comes_late() -> None:
    tenure = asking()
    assert tenure.wakes_ms == 1_500
    assert tenure.passed(1_499) == []
    assert tenure.passed(1_500) == []
    assert tenure.want(1_500) == [again := Request("acquire", 0, 1_500)]
    assert tenure.replied(ASK, Granted(4), 1_600) == [Request("release", 4, 1_600)]
    assert tenure.replied(ASK, Refused(), 1_600) == []
    assert tenure.replied(again, Granted(5), 1_700) == [Begin(5)]


def test_an_owner_renews() -> None:
    tenure = owner()
    assert tenure.wakes_ms == 1_100
    assert tenure.passed(1_100) == [beat := Request("renew", 4, 1_100)]
    assert tenure.passed(1_349) == []
    assert tenure.passed(1_350) == [Request("renew", 4, 1_350)]
    assert tenure.replied(beat, Granted(4), 1_360) == []
    assert tenure.may_act(1_849)
    assert not tenure.may_act(1_850)


def test_who_is_not_renewed_stops() -> None:
    tenure = owner()
    (beat,) = tenure.passed(1_100)
    assert isinstance(beat, Request)
    assert tenure.replied(beat, Refused(), 1_200) == [Stop(4)]
    assert not tenure.may_act(1_200)


def test_who_hears_nothing_stops_by_itself() -> None:
    tenure = owner()
    assert tenure.passed(1_750) == [Stop(4)]
    assert (tenure.passed(1_750), tenure.wakes_ms) == ([], None)


def test_a_process_that_was_stopped_finds_a_renewal_that_is_no_longer_good() -> None:
    tenure = owner()
    (beat,) = tenure.passed(1_100)
    assert isinstance(beat, Request)
    assert tenure.replied(beat, Granted(4), 9_000) == [Stop(4)]
    assert tenure.replied(beat, Granted(4), 9_000) == [], "and the next one means nothing"


def test_all_are_renewed_together() -> None:
    tenure = owner()
    assert tenure.beat(1_200) == [Request("renew", 4, 1_200)]
    assert tenure.wakes_ms == 1_450
    assert tenure.beat(1_750) == [Stop(4)]
    assert tenure.beat(1_750) == []


def test_who_is_failed_by_the_store_asks_again_soon_and_stops_in_time() -> None:
    tenure = owner()
    (beat,) = tenure.passed(1_100)
    assert isinstance(beat, Request)
    assert tenure.failed(beat, 1_150) == []
    assert (tenure.wakes_ms, tenure.until_ms) == (1_250, 1_750)
    assert tenure.failed(beat, 1_750) == [Stop(4)]
    assert tenure.failed(beat, 1_750) == []


def test_who_endures_goes_on_as_long_as_it_is_told_in_time_that_the_store_is_away() -> None:
    tenure = Tenure(endures=True)
    tenure.want(1_000)
    tenure.replied(ASK, Granted(4), 1_100)
    (beat,) = tenure.passed(1_100)
    assert isinstance(beat, Request)
    assert tenure.failed(beat, 1_300) == []
    assert tenure.until_ms == 1_850
    (later,) = tenure.passed(1_400)
    assert isinstance(later, Request)
    assert tenure.failed(later, 2_500) == [Stop(4)], "it was stopped meanwhile"
    assert not tenure.may_act(2_500)


def test_giving_up_ends_it_before_anybody_else_begins() -> None:
    tenure = owner()
    assert tenure.give_up(1_200) == [Request("release", 4, 1_200)]
    assert not tenure.may_act(1_200)
    tenure = asking()
    assert tenure.give_up(1_050) == []
    assert tenure.replied(ASK, Granted(4), 1_100) == [Request("release", 4, 1_100)]


def test_each_phase_is_reached_and_left() -> None:
    assert {before for before, _ in TABLE} == {after for after, _ in TABLE.values()} == set(Phase)
    assert {sign for _, sign in TABLE} == set(Sign)
    assert {act for _, act in TABLE.values()} == set(Act)
