"""What a process counts, for Prometheus. One registry a process, made by whoever starts it."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from agent.aio import LoopWatch
from agent.sessions.journal import Journal

_ANSWER_BUCKETS = (0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0, 2.8, 4.0, 6.0, 10.0)


class Metrics:
    """`event` is what conversations report to: a name and a value."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._answers = Histogram(
            "visavis_answer_seconds",
            "From the end of the user's turn to the first sound of the answer.",
            buckets=_ANSWER_BUCKETS,
            registry=self.registry,
        )
        self._stages = Histogram(
            "visavis_stage_seconds",
            "From the true end of the user's speech to each stage of the answer.",
            ["stage"],
            buckets=_ANSWER_BUCKETS,
            registry=self.registry,
        )
        self._interrupts = Counter("visavis_interrupts", "Answers that were interrupted.", registry=self.registry)
        self._anticipated = Counter(
            "visavis_anticipated",
            "Answers that were prepared while the silence was waited out: used, or dropped because the user went on.",
            ["outcome"],
            registry=self.registry,
        )
        self._late_voice = Counter(
            "visavis_late_voice_seconds", "Silence within answers: their sound was not there in time.", registry=self.registry
        )
        self._gone_on = Counter(
            "visavis_sessions_gone_on",
            "Sessions that went on after a break: resumed by their client, or adopted from a worker that died.",
            ["how"],
            registry=self.registry,
        )
        self._errors = Counter("visavis_errors", "Errors that were told to clients.", ["code"], registry=self.registry)

    def event(self, name: str, value: float) -> None:
        """A conversation reports."""
        match name.partition(":"):
            case ("answer_seconds", _, _):
                self._answers.observe(value)
            case ("stage", _, stage):
                self._stages.labels(stage).observe(value)
            case ("interrupt", _, _):
                self._interrupts.inc()
            case ("anticipated", _, outcome):
                self._anticipated.labels(outcome).inc()
            case ("late_voice", _, _):
                self._late_voice.inc(value)
            case ("gone_on", _, how):
                self._gone_on.labels(how).inc()
            case ("error", _, code):
                self._errors.labels(code).inc()

    def watch_sessions(self, count: Callable[[], int], capacity: Callable[[], int]) -> None:
        """Publish how many places are taken."""
        Gauge("visavis_sessions", "Conversations now.", registry=self.registry).set_function(count)
        Gauge("visavis_capacity", "Conversations at once, at most.", registry=self.registry).set_function(capacity)

    def watch_journal(self, journal: Journal) -> None:
        """Publish how the journal keeps up."""
        waiting = Gauge("visavis_journal_backlog", "Events of the journal that wait to be written.", registry=self.registry)
        waiting.set_function(lambda: len(journal.backlog))
        full = Gauge(
            "visavis_journal_fullness", "How much of the room for such events is taken; at 1 they are lost.", registry=self.registry
        )
        full.set_function(lambda: journal.backlog.fullness)
        lost = Gauge("visavis_journal_lost", "Events that were lost: no room, or given up.", registry=self.registry)
        lost.set_function(lambda: journal.backlog.lost)
        failing = Gauge("visavis_journal_failing", "1 while the journal cannot keep what it is told.", registry=self.registry)
        failing.set_function(lambda: journal.problem is not None)

    def watch_loop(self, watch: LoopWatch) -> None:
        """Publish how often the event loop was blocked."""
        blocked = Gauge("visavis_loop_blocked", "How often the event loop was blocked for more than its limit.", registry=self.registry)
        blocked.set_function(lambda: watch.blocked)
        longest = Gauge("visavis_loop_blocked_longest_seconds", "The longest time.", registry=self.registry)
        longest.set_function(lambda: watch.longest_seconds)
