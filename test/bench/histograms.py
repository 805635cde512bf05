"""The operator's own histograms, as Prometheus would read them."""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

Buckets = Mapping[float, float]
"""Observations up to a bound in seconds."""


def histograms(port: int) -> dict[str, dict[float, float]]:
    """All histograms of the operator's metrics port, summed over their labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as response:
        text = response.read().decode()
    found: dict[str, dict[float, float]] = {}
    for family in text_string_to_metric_families(text):
        if family.type == "histogram":
            buckets = found.setdefault(family.name, {})
            for sample in family.samples:
                if sample.name.endswith("_bucket"):
                    bound = float(sample.labels["le"])
                    buckets[bound] = buckets.get(bound, 0.0) + sample.value
    return found


def since(before: Buckets, after: Buckets) -> Buckets:
    """What was observed between two readings."""
    return {bound: count - before.get(bound, 0.0) for bound, count in after.items()}


def quantile(share: float, buckets: Buckets) -> float:
    """As Prometheus has it: within a bucket all values are taken to be equally likely."""
    bounds = sorted(buckets)
    wanted = share * buckets[bounds[-1]] if bounds else 0.0
    low, below = 0.0, 0.0
    for bound in bounds:
        if buckets[bound] >= wanted and buckets[bound] > below:
            if bound == float("inf"):
                return low
            return low + (bound - low) * (wanted - below) / (buckets[bound] - below)
        low, below = bound, buckets[bound]
    return 0.0
