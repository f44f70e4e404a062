"""How well arrivals keep a constant-rate schedule, judged from the server's stamps alone.

Knows nothing of tools, processes or files' places: nanosecond stamps in, figures out.
"""

from array import array
from bisect import bisect_left
from dataclasses import dataclass
import sys

from measure.quantile import quantile

NS = 1_000_000_000

# Connections are opened and tools find their pace in the first second; how a tool ends is not
# its pacing either.
SETTLE_NS = 1 * NS
TAIL_NS = NS // 4

# Below this many arrivals a p99 is one or two of them.
FEWEST = 100


@dataclass(frozen=True)
class Precision:
    """Figures of one run. Deviations in microseconds, never negative."""

    deviation_p50_us: float
    deviation_p99_us: float
    burst: int


def read_stamps(path):
    """The stamps of a file of little-endian unsigned 64-bit nanoseconds, in time order."""
    stamps = array("Q")
    with open(path, "rb") as file:
        data = file.read()
    # A server that was ended while it wrote may leave a part of a stamp.
    stamps.frombytes(data[: len(data) - len(data) % 8])
    if sys.byteorder == "big":
        stamps.byteswap()
    return sorted(stamps)


def steady(stamps, settle_ns=SETTLE_NS, tail_ns=TAIL_NS):
    """The stamps without the first second and the last quarter."""
    if not stamps:
        return []
    first = bisect_left(stamps, stamps[0] + settle_ns)
    last = bisect_left(stamps, stamps[-1] - tail_ns)
    return stamps[first:last]


def deviations_us(stamps, rate):
    """How far each arrival is from its place in the best-fit schedule of the asked rate.

    The schedule is t(k) = a + k / rate. The rate is the asked one and not a fitted one, so that
    a tool that sends at another rate is seen to drift. The offset a is free, since nobody but
    the tool knows when it meant to begin: the median of t(k) - k / rate, which is the a that
    makes the sum of the absolute deviations smallest. A request that was left out moves all
    later ones by one place, as it should.
    """
    # Relative to the first stamp, so that floating point keeps the nanoseconds.
    rests = [stamp - stamps[0] - k * NS / rate for k, stamp in enumerate(stamps)]
    offset = quantile(sorted(rests), 0.5)
    return [abs(rest - offset) / 1000 for rest in rests]


def largest_burst(stamps, window_ns=NS // 1000):
    """The most arrivals within any window that is open at its end."""
    largest = first = 0
    for last, stamp in enumerate(stamps):
        while stamp - stamps[first] >= window_ns:
            first += 1
        largest = max(largest, last - first + 1)
    return largest


def precision(stamps, rate):
    """The figures of a run at the asked rate, or None when too few arrived to tell."""
    kept = steady(stamps)
    if len(kept) < FEWEST:
        return None
    ordered = sorted(deviations_us(kept, rate))
    return Precision(
        deviation_p50_us=quantile(ordered, 0.5),
        deviation_p99_us=quantile(ordered, 0.99),
        burst=largest_burst(kept),
    )
