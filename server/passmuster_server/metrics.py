"""What an operator's Prometheus reads: counts and durations, and of nobody in particular.

No metric has a label for a person, a device or an address: https://prometheus.io/docs/practices/naming/
"""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from passmuster_server import __version__
from passmuster_server.background import BackgroundTask

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
GROUPS = (1, 2, 5, 10, 25, 50, 100, 256)


class Metrics:
    """The metrics of one server process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.reports = Counter(
            "passmuster_reports",
            "Uploads of laptops by what became of them: `accepted`, or the code of the refusal.",
            ["outcome"],
            registry=self.registry,
        )
        self._decisions = {"allow": 0, "deny": 0}
        self._commit_seconds = Histogram(
            "passmuster_commit_seconds",
            "From the beginning of a group of writes until it is durable.",
            buckets=SECONDS,
            registry=self.registry,
        )
        self._commit_writes = Histogram(
            "passmuster_commit_writes",
            "Writes that shared one commit.",
            buckets=GROUPS,
            registry=self.registry,
        )

    def decided(self, *, allowed: bool) -> None:
        """Count an answer of the gate."""
        # Plain numbers, which the event loop alone changes: a counter's lock would cost more.
        self._decisions["allow" if allowed else "deny"] += 1

    def committed(self, seconds: float, writes: int) -> None:
        """Count a commit and how many writes shared it."""
        self._commit_seconds.observe(seconds)
        self._commit_writes.observe(writes)

    def watch(
        self,
        *,
        waiting: Callable[[], int],
        devices: Callable[[], Mapping[str, int]],
        tasks: Iterable[BackgroundTask],
    ) -> None:
        """Read these whenever the metrics are asked for; `devices` are counted by verdict."""
        self.registry.register(_State(waiting, devices, tasks, self._decisions))


class _State(Collector):
    """What is not counted as it happens, but looked at."""

    def __init__(
        self,
        waiting: Callable[[], int],
        devices: Callable[[], Mapping[str, int]],
        tasks: Iterable[BackgroundTask],
        decisions: Mapping[str, int],
    ) -> None:
        self._decisions = decisions
        self._waiting = waiting
        self._devices = devices
        self._tasks = tasks

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the values are not ready before the server is."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Return the values of this moment."""
        version = GaugeMetricFamily("passmuster_info", "The server's version.", labels=["version"])
        version.add_metric([__version__], 1)
        yield version
        yield GaugeMetricFamily(
            "passmuster_writes_waiting",
            "Writes that wait for a commit; 2,000 are too many.",
            value=self._waiting(),
        )
        devices = GaugeMetricFamily(
            "passmuster_devices",
            "Laptops by verdict, as the gate would have it now.",
            labels=["verdict"],
        )
        for verdict, number in self._devices().items():
            devices.add_metric([verdict], number)
        yield devices
        decisions = CounterMetricFamily(
            "passmuster_gate_decisions",
            "Answers of the gate, through any of its doors.",
            labels=["answer"],
        )
        for answer, number in self._decisions.items():
            decisions.add_metric([answer], number)
        yield decisions
        failures = CounterMetricFamily(
            "passmuster_background_failures",
            "How often work beside the requests ended by a mistake and was begun again.",
            labels=["task"],
        )
        failing = GaugeMetricFamily(
            "passmuster_background_failing",
            "1 while it fails again and again, which also makes the server not ready.",
            labels=["task"],
        )
        for task in self._tasks:
            failures.add_metric([task.name], task.failures)
            failing.add_metric([task.name], int(task.failing))
        yield failures
        yield failing
