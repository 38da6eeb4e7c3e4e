from agent.providers.llm.crowding import SURE_SECONDS, Clock, Crowding


class Machine:
    """Steps of a process among others."""

    def __init__(self, threads: int = 2, cores: int = 2) -> None:
        self.crowding = Crowding(threads, cores)
        self.now = Clock(0.0, 0.0, 0.0)

    def step(self, seconds: float, others: float) -> int:
        own = seconds * self.crowding.threads
        before = self.now
        self.now = Clock(before.wall + seconds, before.own + own, before.all + own + others * seconds)
        self.crowding.stepped(before, self.now)
        return self.crowding.threads


def test_alone_all_threads_compute() -> None:
    machine = Machine()
    assert [machine.step(0.08, 0.05) for _ in range(10)] == [2] * 10


def test_one_step_in_a_crowd_is_enough() -> None:
    machine = Machine(4, 4)
    assert not machine.crowding.crowded
    assert machine.step(0.3, 1.0) == 1
    assert machine.crowding.crowded
    assert [machine.step(0.14, 0.9) for _ in range(50)] == [1] * 50


def test_a_step_that_was_broken_off_tells_nothing() -> None:
    machine = Machine()
    assert machine.step(0.017, 0.01 / 0.017) == 2
    machine.step(0.3, 1.0)
    assert [machine.step(0.01, 0.0) for _ in range(50)] == [1] * 50


def test_where_there_are_cores_for_all_there_is_no_crowd() -> None:
    machine = Machine(4, 8)
    assert [machine.step(0.1, 4.0) for _ in range(5)] == [4] * 5
    assert machine.step(0.1, 5.0) == 1


def test_when_the_crowd_has_gone_all_threads_come_back_but_not_at_the_first_gap() -> None:
    machine = Machine()
    machine.step(0.3, 1.0)
    assert machine.step(SURE_SECONDS / 2, 0.1) == 1
    assert machine.step(0.1, 0.3) == 1  # somebody is still there
    assert machine.step(SURE_SECONDS / 2, 0.1) == 1
    assert machine.step(SURE_SECONDS / 2, 0.1) == 2


def test_clocks_that_stand_still_or_count_coarsely_decide_nothing() -> None:
    crowding = Crowding(2, 2)
    crowding.stepped(Clock(1.0, 1.0, 1.0), Clock(1.0, 1.0, 1.01))
    crowding.stepped(Clock(1.0, 1.0, 1.0), Clock(1.1, 1.2, 1.0))
    assert crowding.threads == 2
