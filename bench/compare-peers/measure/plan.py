"""Which trials are made and in which order. Pure: no process, no clock, no file."""

from dataclasses import dataclass, replace
import random

from measure.figures import median
from measure.truth import EveryNth, Exponential, Stall

TABLES = ("precision", "cost", "sustained", "tls", "fidelity", "soak")

# Starting and ending a server and a tool.
_AROUND_S = 0.7

_OURS = ("loadgen", "loadgen-spin")
_PACED = (*_OURS, "wrk2", "oha", "vegeta", "k6", "fortio", "hey", "h2load")
_CLOSED = ("loadgen", "wrk", "wrk2", "h2load", "rewrk", "oha", "hey", "vegeta", "fortio", "k6")
_FIDELITY = (*_PACED[:2], "wrk2", "oha", "oha-corrected", "vegeta", "vegeta-uncapped", "k6",
             "k6-uncapped", "fortio", "hey", "h2load")


@dataclass(frozen=True)
class Share:
    """A rate that is a part of what a tool itself did in a cell of another table."""

    percent: int
    table: str
    cell: str

    def rate(self, rows, tool):
        """Requests a second, from the rows of an earlier table; None when it has none."""
        done = median(row.per_second() for row in rows
                      if (row.table, row.cell, row.tool) == (self.table, self.cell, tool)
                      and not row.note)
        return round(done * self.percent / 100) if done else None


@dataclass(frozen=True)
class Cell:
    """One setting in which tools are compared with each other."""

    table: str
    name: str
    server: str
    tools: tuple
    duration_s: int
    connections: int
    protocol: str = "http"
    streams: int = 1
    rate: int | None = None
    # Instead of a rate that is known beforehand.
    share: Share | None = None
    planted: object = None

    def serve_options(self):
        """What the origin is started with; it spins, so that it adds no wake-up of its own."""
        return ["--spin", *(self.planted.serve_options() if self.planted else [])]


@dataclass(frozen=True)
class Trial:
    """One tool, once, in one setting."""

    cell: Cell
    tool: str
    repetition: int
    duration_s: int

    @property
    def key(self):
        """The same as its row's."""
        return (self.cell.table, self.cell.name, self.tool, self.repetition)

    @property
    def takes_s(self):
        """About how long it takes."""
        return self.duration_s + _AROUND_S

    def with_rate(self, rows):
        """The same, with the rate that its share comes to."""
        if not self.cell.share:
            return self
        return replace(self, cell=replace(
            self.cell, rate=self.cell.share.rate(rows, self.tool)))


def _precision(quick):
    rates = (1000, 20_000) if quick else (100, 1000, 5000, 20_000)
    for rate in rates:
        # At low rates it takes time until a p99 means something.
        duration_s = 3 if quick else 8 if rate <= 1000 else 5
        yield Cell("precision", f"{rate}/s", "origin", _PACED, duration_s, 50, rate=rate)


def _cost(quick):
    counts = {"nginx": (16, 64) if quick else (1, 16, 64, 256),
              "origin": () if quick else (1, 16, 64)}
    for server, all_connections in counts.items():
        for connections in all_connections:
            yield Cell("cost", f"{server}, {connections}", server, _CLOSED, 2, connections)


def _sustained(quick):
    # A quick run has no closed loop over the origin to take a share of.
    for connections in () if quick else (16, 64):
        share = Share(90, "cost", f"origin, {connections}")
        yield Cell("sustained", f"{connections} connections", "origin", ("loadgen", "wrk2"), 5,
                   connections, share=share)


def _tls(quick):
    duration_s = 2 if quick else 3
    for connections in (16,) if quick else (16, 64):
        yield Cell("tls", f"TLS, {connections}", "nginx", ("loadgen", "h2load", "wrk", "oha"),
                   duration_s, connections, protocol="https")
    for protocol, name in (("h2", "HTTP/2 over TLS"), ("h2c", "HTTP/2 in the clear")):
        yield Cell("tls", f"{name}, 16×10", "nginx", ("loadgen", "h2load", "oha"),
                   duration_s, 16, protocol=protocol, streams=10)
    yield Cell("tls", "full mTLS handshakes", "nginx", ("loadgen", "s_time", "s_time-www"),
               duration_s, 1, protocol="mtls")


def _fidelity(quick):
    stall, nth, exponential = Stall(200, 2000), EveryNth(50, 5), Exponential(5)
    chosen = ((stall, 10), (nth, 50)) if quick else (
        (stall, 10), (stall, 50), (nth, 50), (exponential, 50))
    for planted, connections in chosen:
        # Whole periods of the stall.
        yield Cell("fidelity", f"{planted}; {connections} connections", "origin", _FIDELITY,
                   4 if quick else 8, connections, rate=1000, planted=planted)


def _soak(quick):
    # Twice, so that memory that grows with requests is seen.
    for duration_s in (2, 8) if quick else (5, 110):
        yield Cell("soak", f"{duration_s} s", "nginx", ("loadgen",), duration_s, 1000)


_MAKERS = dict(zip(TABLES, (_precision, _cost, _sustained, _tls, _fidelity, _soak)))


def cells(table, quick):
    """The settings of a table."""
    return list(_MAKERS[table](quick))


def repetitions(table, quick):
    """How often each trial of a table is made. What is planted is the same every time."""
    return 3 if table in ("precision", "cost", "sustained", "tls") and not quick else 1


def trials(tables, quick, settle_s, seed):
    """All trials in their order, of the tools that `settle_s` names.

    `settle_s` has for each tool at hand how long a paced run of it must be before it reports.
    Tools that are compared run right after one another, in an order drawn anew for each cell
    and repetition, and so are the cells: what drifts meets all alike.
    """
    draw = random.Random(seed)
    ordered = []
    for table in tables:
        settings = cells(table, quick)
        for repetition in range(1, repetitions(table, quick) + 1):
            for cell in draw.sample(settings, len(settings)):
                # Drawn from all tools, so that one that is missing moves no other.
                for tool in draw.sample(cell.tools, len(cell.tools)):
                    if tool in settle_s:
                        extra_s = settle_s[tool] if cell.rate or cell.share else 0
                        ordered.append(Trial(cell, tool, repetition, cell.duration_s + extra_s))
    return ordered
