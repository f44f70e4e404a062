"""How figures are written in the tables, and medians with their spread."""

import statistics

NOTHING = "–"


def figure(value):
    """Three significant digits; whole from a hundred on."""
    if value is None:
        return NOTHING
    size = abs(value)
    if size >= 999_500:
        return f"{figure(value / 1e6)}M"
    if size >= 10_000:
        return f"{figure(value / 1e3)}k"
    if size >= 99.95:
        return f"{value:.0f}"
    # Rounded first, so that 9.996 is 10.0.
    rounded = float(f"{value:.3g}")
    decimals = 1 if abs(rounded) >= 10 else 2 if abs(rounded) >= 1 else 3
    return f"{rounded:.{decimals}f}" if rounded else "0"


def known(values):
    """Those that there are."""
    return [value for value in values if value is not None]


def median(values):
    """The median of those that there are, or None."""
    there = known(values)
    return statistics.median(there) if there else None


def spread(values):
    """Median, with lowest and highest where there are several."""
    there = known(values)
    if len(there) < 2:
        return figure(median(there))
    return f"{figure(median(there))} [{figure(min(there))}, {figure(max(there))}]"


def joined(*values):
    """Medians beside each other."""
    return " / ".join(figure(median(one)) for one in values)


def markdown(head, rows):
    """A table; no table when it has no rows."""
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
