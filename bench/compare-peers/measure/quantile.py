"""One definition of a quantile, for stamps and for tools that list every request."""

import math


def quantile(ordered, q):
    """The smallest of the ordered values that at least a share q of them do not exceed."""
    # A product such as 0.99 * 100 may come out a hair above the whole number that it is.
    rank = max(1, math.ceil(q * len(ordered) - 1e-9))
    return ordered[rank - 1]
