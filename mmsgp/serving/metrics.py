"""Numbers of a server for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_PATHS = ('/v1/parse', '/v1/parse_json')


class ServerMetrics:
    """Counters of one application.

    Attributes:
        registry: All of them.
        batch_size: Images per forward pass.
        waiting: Images that wait.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            'mmsgp_requests', 'Requests to parse', ['status'], registry=self.registry
        )
        self._seconds = Histogram(
            'mmsgp_request_seconds',
            'Time to answer a request that was parsed',
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.batch_size = Histogram(
            'mmsgp_batch_size',
            'Images per forward pass',
            buckets=(1, 2, 4, 8, 16, 32),
            registry=self.registry,
        )
        self.waiting = Gauge('mmsgp_waiting_images', 'Images that wait', registry=self.registry)

    def observe(self, path: str, status: int, seconds: float) -> None:
        """Count an answered request, if it was one to parse."""
        if path in _PATHS:
            self._requests.labels(status).inc()
            if status == 200:
                self._seconds.observe(seconds)
