"""What an open-loop client must see of a planted delay, by arithmetic.

Response times only, in milliseconds, and without the server's own few microseconds. Knows
nothing of tools and measures nothing.
"""

from dataclasses import dataclass
import math


@dataclass(frozen=True)
class Stall:
    """Every answer is held to the end of a stall that comes once a period."""

    stall_ms: float
    period_ms: float

    def quantile(self, q):
        """Arrivals are spread evenly, so a share stall/period waits, each evenly 0 to stall."""
        return max(0.0, self.stall_ms - (1 - q) * self.period_ms)

    def serve_options(self):
        """The origin's options that plant it."""
        return ["--stall", f"{self.stall_ms:g}ms/{self.period_ms:g}ms"]

    def __str__(self):
        return f"all answers held for {self.stall_ms:g} ms every {self.period_ms:g} ms"


@dataclass(frozen=True)
class EveryNth:
    """One request in n is answered late, the others at once."""

    every: int
    delay_ms: float

    def quantile(self, q):
        """The late share is 1/n; a quantile within it is the delay."""
        return self.delay_ms if 1 - q < 1 / self.every else 0.0

    def serve_options(self):
        """The origin's options that plant it."""
        return ["--delay", f"{self.delay_ms:g}ms", "--delay-every", str(self.every)]

    def __str__(self):
        return f"every {self.every}th answer {self.delay_ms:g} ms late"


@dataclass(frozen=True)
class Exponential:
    """Every answer is late by an exponential time of its own."""

    mean_ms: float

    def quantile(self, q):
        """The inverse of 1 - exp(-t / mean), which has no largest value."""
        return -self.mean_ms * math.log(1 - q) if q < 1 else None

    def serve_options(self):
        """The origin's options that plant it."""
        return ["--delay", f"exp:{self.mean_ms:g}ms"]

    def __str__(self):
        return f"exponential delay of mean {self.mean_ms:g} ms"
