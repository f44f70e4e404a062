"""The tables of the report, from rows. Pure: makes no trial and reads no file."""

import math

from measure import plan
from measure.figures import NOTHING, figure, joined, known, markdown, median, spread
from measure.rows import Row


class Table:
    """The rows of one table, by cell and tool, in the order of the plan."""

    def __init__(self, rows, table):
        self.rows = [row for row in rows if row.table == table]
        # Quick and full runs have the same names for what they share.
        planned = [*plan.cells(table, False), *plan.cells(table, True)]
        names = list(dict.fromkeys(cell.name for cell in planned))
        there = {row.cell for row in self.rows}
        self.cells = [name for name in names if name in there]
        tools = list(dict.fromkeys(tool for cell in planned for tool in cell.tools))
        self.tools = [tool for tool in tools if any(row.tool == tool for row in self.rows)]

    def of(self, cell, tool):
        """The repetitions of one tool in one cell that have figures."""
        return [row for row in self.rows if (row.cell, row.tool) == (cell, tool) and not row.note]

    def grid(self, first, entry):
        """A table with a line for each tool and a column for each cell."""
        body = []
        for tool in self.tools:
            line = [entry(self.of(cell, tool), cell) for cell in self.cells]
            if any(text.strip(f"{NOTHING} /·") for text in line):
                body.append([tool, *line])
        return markdown([first, *self.cells], body)

    def ratios(self, cell, tool, reference, measure):
        """A measure over that of the reference tool in the same repetition."""
        base = {row.repetition: measure(row) for row in self.of(cell, reference)}
        return [measure(row) / base[row.repetition] for row in self.of(cell, tool)
                if base.get(row.repetition) and measure(row)]


def precision(rows):
    """Arrivals against the schedule, as the server saw them."""
    table = Table(rows, "precision")

    def deviation(own, _cell):
        if not known(row.deviation_p50_us for row in own):
            return NOTHING
        return (f"{figure(median(row.deviation_p50_us for row in own))} / "
                f"{spread(row.deviation_p99_us for row in own)}")

    def burst(own, _cell):
        return (f"{figure(median(row.burst for row in own))} · "
                f"{figure(median(row.core_percent() for row in own))} %") if own else NOTHING

    def itself(own, _cell):
        return joined([row.p50_us for row in own], [row.p99_us for row in own])

    def arrived(own, _cell):
        return figure(median(row.arrived_percent() for row in own))

    schedule = ", ".join(f"{max(1, math.ceil(cell.rate / 1000))} at {cell.name}"
                         for cell in plan.cells("precision", False))
    return [
        "Deviation of the arrivals from the best-fit schedule of the asked rate, µs: "
        "median p50 / median p99 [lowest, highest p99].",
        table.grid("tool", deviation),
        "Most arrivals within any 1 ms (the schedule's own: "
        f"{schedule}) · generator CPU, % of a core.",
        table.grid("tool", burst),
        "Response time that the tool reports, µs: p50 / p99.",
        table.grid("tool", itself),
        "Arrivals, % of what was asked for.",
        table.grid("tool", arrived),
    ]


def sustained(rows):
    """Whether a schedule is kept close to what the tool can do at all."""
    table = Table(rows, "sustained")

    def kept(own, _cell):
        if not known(row.deviation_p50_us for row in own):
            return NOTHING
        return (f"{figure(median(row.rate for row in own))}/s: "
                f"{spread(row.arrived_percent() for row in own)} % · "
                f"{figure(median(row.deviation_p50_us for row in own))} / "
                f"{figure(median(row.deviation_p99_us for row in own))}")

    return [
        "An open loop at 90 % of the rate that the same tool reached above as a closed loop over the "
        "same connections and origin. Asked rate: arrivals, % of what was asked for · deviation "
        "from the schedule, µs, p50 / p99; the server's own queue is in it.",
        table.grid("tool", kept),
    ]


def _cost_tables(table, reference, what):
    """What each of `what` cost in CPU, and the same against a reference tool."""
    def cost(own, _cell):
        if not own:
            return NOTHING
        return (f"{spread(row.per_million() for row in own)} "
                f"({figure(median(row.per_second() for row in own))}/s)")

    def ratio(tool, cell):
        return spread(table.ratios(cell, tool, reference, Row.per_cpu_second))

    return [
        f"CPU seconds per million {what}: median [lowest, highest] (median {what} a second).",
        table.grid("tool", cost),
        f"{what.capitalize()} per CPU second, relative to {reference} in the same repetition: "
        "median [lowest, highest].",
        markdown(["tool", *table.cells],
                 [[tool, *(ratio(tool, cell) for cell in table.cells)] for tool in table.tools]),
    ]


def cost(rows):
    """HTTP/1.1 closed loop."""
    return _cost_tables(Table(rows, "cost"), "wrk", "requests")


def tls(rows):
    """TLS keep-alive and HTTP/2 against h2load, then handshakes against OpenSSL."""
    kept = [row for row in rows if row.protocol != "mtls"]
    full = [row for row in rows if row.protocol == "mtls"]
    return [*_cost_tables(Table(kept, "tls"), "h2load", "requests"),
            *_cost_tables(Table(full, "tls"), "s_time", "handshakes")]


# What the fidelity tables show: the row's field, the quantile that it claims to be.
_CLAIMS = (("p50_us", 0.5), ("p99_us", 0.99), ("p999_us", 0.999), ("max_us", 1.0))


def fidelity(rows):
    """What tools report of planted delays, beside the truth."""
    table = Table(rows, "fidelity")
    said = []
    for cell in plan.cells("fidelity", False):
        if cell.name not in table.cells:
            continue
        truth = [cell.planted.quantile(q) for _, q in _CLAIMS]
        body = [["**truth**", *(figure(value) for value in truth), NOTHING]]
        for tool in table.tools:
            own = table.of(cell.name, tool)
            if own:
                claims = _claims_ms(own)
                body.append([tool, *(figure(value) for value in claims), _off(claims, truth)])
        said += [f"Planted: {cell.name}.",
                 markdown(["tool", "p50 ms", "p99 ms", "p99.9 ms", "max ms",
                           "p99, p99.9, max off the truth by"], body)]
    return said


def _claims_ms(own):
    medians = [median(getattr(row, field) for row in own) for field, _ in _CLAIMS]
    return [None if us is None else us / 1000 for us in medians]


def _off(claims, truth):
    """The relative errors beyond the median, which is nearly nothing in most cells."""
    return ", ".join(
        f"{100 * (claim / true - 1):+.1f} %" if claim is not None and true else NOTHING
        for claim, true in zip(claims[1:], truth[1:]))


def soak(rows):
    """Memory after few and after many requests."""
    table = Table(rows, "soak")
    body = [[row.tool, row.cell, figure(row.served), str(row.connections),
             figure(row.max_rss_kib / 1024)]
            for cell in table.cells for tool in table.tools for row in table.of(cell, tool)]
    return ["Largest memory held, closed loop over 1000 connections.",
            markdown(["tool", "for", "requests", "connections", "MiB"], body)]
