"""Resume secrets: good for one, for a while, once at a time; any order of things against a second opinion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from agent.sessions.secrets import CLAIM_MS, KEPT, LIFE_MS, WORDS, ResumeRefused, Ring, confirm, fresh, issue, use

LAW = 2_000
STEPS = 25
ALICE = Ring("s-1", "alice")
ONE = issue(ALICE, "one", 0)


def refused(ring: Ring, secret: str, now_ms: int, session: str = "s-1", user: str = "alice") -> ResumeRefused:
    with pytest.raises(ResumeRefused) as error:
        use(ring, session, user, secret, "new", now_ms)
    return error.value


def test_a_secret_is_good_and_is_replaced_by_a_new_one() -> None:
    ring = use(ONE, "s-1", "alice", "one", "two", 5)
    assert [kept.number for kept in ring.good] == [1, 2]
    ring = use(ring, "s-1", "alice", "two", "three", 6)
    assert refused(ring, "one", 9_999).why == "outdated"


def test_the_old_one_is_good_until_the_new_one_is_used() -> None:
    ring = issue(issue(ONE, "two", 1), "three", 2)
    for secret in ("one", "two", "three"):
        use(ring, "s-1", "alice", secret, "new", 3)
    ring = confirm(ring, 2)
    assert refused(ring, "one", 3).why == "outdated"
    use(ring, "s-1", "alice", "two", "new", 3)
    assert confirm(ring, 1) == confirm(ring, 99) == ring, "numbers that are not known change nothing"


def test_a_new_one_that_got_lost_does_no_harm() -> None:
    """Its client comes back with the old one, a while later."""
    ring = use(ONE, "s-1", "alice", "one", "two", 0)
    ring = use(ring, "s-1", "alice", "one", "three", CLAIM_MS)
    assert refused(ring, "two", CLAIM_MS).why == "outdated"
    use(ring, "s-1", "alice", "three", "four", CLAIM_MS)


def test_of_two_at_once_the_first_wins() -> None:
    ring = use(ONE, "s-1", "alice", "one", "two", 100)
    error = refused(ring, "one", 101)
    assert (error.why, error.retry_ms) == ("taken", CLAIM_MS - 1)
    assert str(error) == WORDS["taken"]
    ring = confirm(ring, 2)
    error = refused(ring, "one", 100 + CLAIM_MS)
    assert (error.why, error.retry_ms) == ("outdated", None)


def test_it_is_good_for_one_session_and_user_and_for_a_while() -> None:
    assert refused(ONE, "one", 1, session="s-2").why == "wrong"
    assert refused(ONE, "one", 1, user="mallory").why == "wrong"
    assert refused(ONE, "One", 1).why == "wrong"
    assert refused(ONE, "", 1).why == "wrong"
    assert refused(ALICE, "one", 1).why == "wrong"
    assert refused(ONE, "one", LIFE_MS).why == "expired"
    use(ONE, "s-1", "alice", "one", "two", LIFE_MS - 1)


def test_whose_it_is_cannot_be_shifted() -> None:
    ring = issue(Ring("s-1a", "lice"), "one", 0)
    assert refused(ring, "one", 1, session="s-1", user="alice").why == "wrong"


def test_only_hashes_are_kept() -> None:
    secret = fresh()
    ring = use(issue(ALICE, secret, 0), "s-1", "alice", secret, "a new secret", 1)
    assert secret not in repr(ring)
    assert "a new secret" not in repr(ring)
    assert len({fresh() for _ in range(100)}) == 100
    assert len(secret) == 43


def test_a_secret_of_another_session_has_another_hash() -> None:
    assert issue(Ring("s-2", "alice"), "one", 0).good[0].digest != ONE.good[0].digest


class AnyOrder(RuleBasedStateMachine):
    """The second opinion knows every secret in clear: which are alive, until when, and who came with which and when."""

    resume: Callable[..., Ring] = staticmethod(use)

    def __init__(self) -> None:
        super().__init__()
        self.ring = ALICE
        self.now = 0
        self.made: list[str] = []
        self.until: dict[str, int] = {}
        self.alive: list[str] = []
        self.claimed: dict[str, int] = {}

    def make(self) -> str:
        secret = f"secret {len(self.made) + 1}"
        self.made.append(secret)
        return secret

    def given(self, secret: str) -> None:
        self.alive = [*self.alive, secret][-KEPT:]
        self.until[secret] = self.now + LIFE_MS

    def right(self, secret: str) -> str | None:
        """Why it is refused, or None."""
        if secret not in self.alive:
            return "no"
        if self.now >= self.until[secret]:
            return "expired"
        claimed = self.claimed.get(secret)
        return "taken" if claimed is not None and self.now < claimed + CLAIM_MS else None

    @rule()
    def hand_out(self) -> None:
        secret = self.make()
        self.ring = issue(self.ring, secret, self.now)
        self.given(secret)

    @rule(data=st.data())
    def client_has_it(self, data: st.DataObject) -> None:
        if self.made:
            secret = data.draw(st.sampled_from(self.made[-3:]))
            self.ring = confirm(self.ring, self.made.index(secret) + 1)
            if secret in self.alive:
                self.alive = self.alive[self.alive.index(secret) :]

    @rule(ms=st.sampled_from([1, CLAIM_MS - 1, CLAIM_MS, LIFE_MS // 2, LIFE_MS]))
    def wait(self, ms: int) -> None:
        self.now += ms

    @rule(data=st.data(), clients=st.integers(1, 3))
    def come_back(self, data: st.DataObject, clients: int) -> None:
        """Clients that come at the same moment read the same ring; who is too late to put it back reads it again."""
        if not self.made:
            return
        shown = [data.draw(st.sampled_from([*self.made[-3:], *self.made[-3:], *self.made])) for _ in range(clients)]
        at_first, winners = self.ring, list[str]()
        for secret in shown:
            why, new = self.right(secret), f"secret {len(self.made) + 1}"
            outcome = self.shows(at_first, secret, new)
            if self.ring != at_first:  # somebody was quicker
                outcome = self.shows(self.ring, secret, new)
            if isinstance(outcome, ResumeRefused):
                assert outcome.why == why or (why == "no" and outcome.why in ("outdated", "wrong"))
                assert (outcome.retry_ms is not None) == (why == "taken")
                continue
            assert why is None, f"{secret} should be refused: {why}"
            self.ring = outcome
            self.alive, self.claimed[secret] = [secret], self.now
            self.given(self.make())
            winners.append(secret)
        assert len(winners) == len(set(winners)), "two clients won with the same secret"

    def shows(self, ring: Ring, secret: str, new: str) -> Ring | ResumeRefused:
        try:
            return self.resume(ring, "s-1", "alice", secret, new, self.now)
        except ResumeRefused as error:
            return error

    @rule(data=st.data(), whose=st.sampled_from([("s-2", "alice"), ("s-1", "bob"), ("", "")]))
    def foreign(self, data: st.DataObject, whose: tuple[str, str]) -> None:
        if self.made:
            with pytest.raises(ResumeRefused) as error:
                self.resume(self.ring, *whose, data.draw(st.sampled_from(self.made)), "new", self.now)
            assert error.value.why == "wrong"

    @invariant()
    def bounded(self) -> None:
        assert len(self.ring.good) == len(self.alive) <= KEPT
        assert len(self.ring.replaced) <= KEPT


AnyOrder.TestCase.settings = settings(max_examples=LAW, stateful_step_count=STEPS, deadline=None)
TestAnyOrder = AnyOrder.TestCase

SEARCH = settings(
    max_examples=LAW,
    stateful_step_count=STEPS,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def _without_claims(ring: Ring, session: str, user: str, secret: str, new: str, now_ms: int) -> Ring:
    ring = replace(ring, good=tuple(replace(kept, used_ms=None) for kept in ring.good))
    return use(ring, session, user, secret, new, now_ms)


def _for_anybody(ring: Ring, session: str, user: str, secret: str, new: str, now_ms: int) -> Ring:
    return use(ring, ring.session, ring.user, secret, new, now_ms)


def _old_ones_stay(ring: Ring, session: str, user: str, secret: str, new: str, now_ms: int) -> Ring:
    use(ring, session, user, secret, new, now_ms)
    return issue(ring, new, now_ms)


@pytest.mark.parametrize("fault", [_without_claims, _for_anybody, _old_ones_stay])
def test_a_planted_fault_is_noticed(fault: Callable[..., Ring]) -> None:
    class Faulty(AnyOrder):
        resume = staticmethod(fault)

    with pytest.raises((AssertionError, pytest.fail.Exception)):
        run_state_machine_as_test(Faulty, settings=SEARCH)
