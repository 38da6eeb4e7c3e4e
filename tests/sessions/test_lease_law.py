"""Any interleaving of questions, replies, delays, losses, stopped and dead workers and clocks that do not agree: one owner at most, and a journal that only it writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from agent.sessions import lease as store
from agent.sessions import tenure
from agent.sessions.lease import Fenced, Granted, Lease, Refused, Reply
from agent.sessions.tenure import Begin, Request, Stop, Tenure, Terms, Verdict

LAW = 2_000
STEPS = 25
TERMS = Terms()
WORKERS = 3


@dataclass
class Worker:
    """A process with a clock of its own: `offset` and `rate` (thousandths of true time). While `stopped` it does nothing."""

    name: str
    offset: int
    rate: int
    tenure: Tenure = field(default_factory=Tenure)
    stopped: bool = False

    def clock(self, true_ms: int) -> int:
        return self.offset + true_ms * self.rate // 1000


class AnyInterleaving(RuleBasedStateMachine):
    """What travels is in lists, and arrives in any order, late or never. The second opinion is a list of who was given the session until when, in true time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.lease = Lease()
        self.workers: list[Worker] = []
        self.requests: list[tuple[Worker, Tenure, Request]] = []
        self.replies: list[tuple[Worker, Tenure, Request, Reply]] = []
        self.writes: list[int] = []
        self.written: list[int] = []
        self.given: tuple[int, int] = (0, 0)
        """The newest token, and until when it is its holder's."""

    @initialize(clocks=st.lists(st.tuples(st.integers(-(10**6), 10**6), st.integers(900, 1100)), min_size=WORKERS, max_size=WORKERS))
    def begin(self, clocks: list[tuple[int, int]]) -> None:
        self.workers = [Worker(f"w{i}", offset, rate) for i, (offset, rate) in enumerate(clocks)]

    def obey(self, worker: Worker, verdicts: list[Verdict]) -> None:
        for verdict in verdicts:
            if isinstance(verdict, Request):
                self.requests.append((worker, worker.tenure, verdict))
            elif isinstance(verdict, Begin):
                assert worker.tenure.may_act(worker.clock(self.now))
            elif isinstance(verdict, Stop):
                assert not worker.tenure.may_act(worker.clock(self.now))

    # ------------------------------------------------------------------------------------------------------- workers

    @rule(i=st.integers(0, WORKERS - 1))
    def want(self, i: int) -> None:
        worker = self.workers[i]
        if not worker.stopped:
            self.obey(worker, worker.tenure.want(worker.clock(self.now)))

    @rule(i=st.integers(0, WORKERS - 1))
    def give_up(self, i: int) -> None:
        worker = self.workers[i]
        if not worker.stopped:
            self.obey(worker, worker.tenure.give_up(worker.clock(self.now)))
            assert not worker.tenure.may_act(worker.clock(self.now))

    @rule(i=st.integers(0, WORKERS - 1), stopped=st.booleans())
    def stop_or_go_on(self, i: int, stopped: bool) -> None:
        self.workers[i].stopped = stopped

    @rule(i=st.integers(0, WORKERS - 1))
    def die(self, i: int) -> None:
        """Another process takes its place; what is under way to the old one arrives nowhere."""
        self.workers[i].tenure = Tenure()

    @rule(i=st.integers(0, WORKERS - 1))
    def look_then_write(self, i: int) -> None:
        """It looks whether it may write; what it writes arrives some time later, as that of a worker that is stopped in between."""
        worker = self.workers[i]
        if worker.tenure.may_act(worker.clock(self.now)):
            self.writes.append(worker.tenure.token)

    # ------------------------------------------------------------------------------------------------------- time and network

    @rule(ms=st.sampled_from([1, 50, 100, 250, 400, 749, 750, 900, 2_000]))
    def time_passes(self, ms: int) -> None:
        self.now += ms
        for worker in self.workers:
            if not worker.stopped:
                self.obey(worker, worker.tenure.passed(worker.clock(self.now)))

    @rule(data=st.data())
    def request_arrives(self, data: st.DataObject) -> None:
        if self.requests:
            self.execute(*self.requests.pop(data.draw(st.integers(0, len(self.requests) - 1))))

    def execute(self, worker: Worker, of: Tenure, request: Request) -> None:
        before, (token, until) = self.lease, self.given
        if request.kind == "release":
            self.lease = store.release(self.lease, request.token)
            if request.token == token:
                self.given = token, self.now
            return
        if request.kind == "acquire":
            self.lease, reply = store.acquire(self.lease, worker.name, self.now, TERMS.length_ms)
            assert isinstance(reply, Granted) == (self.now >= until), "it is given when nobody has it, and only then"
        else:
            self.lease, reply = store.renew(self.lease, request.token, self.now, TERMS.length_ms)
            assert isinstance(reply, Granted) == (request.token == token and self.now < until)
        if isinstance(reply, Granted):
            assert reply.token == token + (request.kind == "acquire"), "tokens grow by one"
            self.given = reply.token, self.now + TERMS.length_ms
        else:
            assert self.lease == before
        self.replies.append((worker, of, request, reply))

    @rule(data=st.data())
    def reply_arrives(self, data: st.DataObject) -> None:
        if self.replies:
            place = data.draw(st.integers(0, len(self.replies) - 1))
            worker, of, request, reply = self.replies[place]
            if worker.stopped:
                return
            del self.replies[place]
            if worker.tenure is of:
                self.obey(worker, of.replied(request, reply, worker.clock(self.now)))

    @rule(n=st.integers(1, 4))
    def all_is_well(self, n: int) -> None:
        """The network is quick for a while."""
        for _ in range(n):
            while self.requests:
                self.execute(*self.requests.pop(0))
            for place in range(len(self.replies) - 1, -1, -1):
                worker, of, request, reply = self.replies[place]
                if not worker.stopped:
                    del self.replies[place]
                    if worker.tenure is of:
                        self.obey(worker, of.replied(request, reply, worker.clock(self.now)))

    @rule(i=st.integers(0, WORKERS - 1), j=st.integers(0, WORKERS - 1), ms=st.sampled_from([0, 600, 900, 1_200]))
    def is_replaced(self, i: int, j: int, ms: int) -> None:
        """One has it, or nearly, writes and is stopped; another asks."""
        self.want(i)
        self.all_is_well(1)
        self.look_then_write(i)
        self.workers[i].stopped = True
        self.time_passes(ms)
        self.want(j)
        self.all_is_well(1)

    @rule(data=st.data())
    def something_is_lost(self, data: st.DataObject) -> None:
        for travelling in (self.requests, self.replies):
            if travelling and data.draw(st.booleans()):
                travelling.pop()

    @rule(data=st.data())
    def write_arrives(self, data: st.DataObject) -> None:
        if not self.writes:
            return
        token = self.writes.pop(data.draw(st.integers(0, len(self.writes) - 1)))
        try:
            store.admit(self.lease, token)
        except Fenced:
            assert token < self.given[0] or not self.lease.owner, "the owner may write"
        else:
            assert token == self.given[0], "written by a worker that was replaced"
            self.written.append(token)

    # ------------------------------------------------------------------------------------------------------- laws

    @invariant()
    def one_owner_at_most(self) -> None:
        acting = [worker for worker in self.workers if worker.tenure.may_act(worker.clock(self.now))]
        assert len(acting) <= 1, "two owners"
        for worker in acting:
            assert worker.tenure.token == self.given[0]
            assert self.now < self.given[1], "it acts although the store would give the session to another"

    @invariant()
    def the_journal_changes_hands_once(self) -> None:
        assert self.written == sorted(self.written)

    def teardown(self) -> None:
        """Whatever happened, somebody who wants it and is answered gets it."""
        if not self.workers:
            return
        self.requests.clear()
        self.replies.clear()
        self.now += 2 * TERMS.length_ms
        heir = Worker("heir", 0, 1000)
        self.workers.append(heir)
        self.obey(heir, heir.tenure.want(heir.clock(self.now)))
        self.all_is_well(1)
        assert heir.tenure.may_act(heir.clock(self.now))
        store.admit(self.lease, heir.tenure.token)


AnyInterleaving.TestCase.settings = settings(max_examples=LAW, stateful_step_count=STEPS, deadline=None)
TestAnyInterleaving = AnyInterleaving.TestCase

SEARCH = settings(
    max_examples=LAW,
    stateful_step_count=STEPS,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def _always(lease: Lease, owner: str, now_ms: int, length_ms: int) -> tuple[Lease, Reply]:
    return Lease(owner, lease.token + 1, now_ms + length_ms), Granted(lease.token + 1)


def _still(lease: Lease, token: int, now_ms: int, length_ms: int) -> tuple[Lease, Reply]:
    return (lease, Refused()) if token != lease.token else (Lease(lease.owner, token, now_ms + length_ms), Granted(token))


def _for_ever(self: Tenure, now_ms: int) -> bool:
    return self._phase is tenure.Phase.OWNER


def _from_the_reply(self: Tenure, request: Request) -> int:
    return max(self._next, request.sent_ms) + self.terms.length_ms - self.terms.margin_ms


def _no_margin(self: Tenure, request: Request) -> int:
    return request.sent_ms + self.terms.length_ms


FAULTS: dict[str, tuple[ModuleType | type, str, Callable[..., Any]]] = {
    "a session is given to whoever asks": (store, "acquire", _always),
    "what ran out is renewed": (store, "renew", _still),
    "older tokens may write": (store, "admit", lambda lease, token: None),
    "a stopped owner goes on without looking": (Tenure, "may_act", _for_ever),
    "a lease counts from a later moment than its request": (Tenure, "_good_until", _from_the_reply),
    "clocks are trusted": (Tenure, "_good_until", _no_margin),
}


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_second_owner_is_noticed(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, name, wrong = FAULTS[fault]
    monkeypatch.setattr(where, name, wrong)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(AnyInterleaving, settings=SEARCH)
