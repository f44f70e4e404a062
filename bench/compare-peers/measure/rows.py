"""The raw rows of a run: one for each trial, on disk before the next begins."""

from dataclasses import dataclass, fields
import csv
import typing


@dataclass
class Row:
    """One trial. Empty in the file where there is nothing to say."""

    table: str
    cell: str
    tool: str
    repetition: int
    # The trial's place in the order in which they were made.
    position: int
    started: str
    server: str
    protocol: str
    connections: int
    streams: int
    rate: int | None
    duration_s: int
    planted: str
    # What the server counted: requests, or connections where each has one handshake.
    served: int | None = None
    # What the tool says that it completed, and what failed or was dropped.
    reported: int | None = None
    failed: int | None = None
    wall_s: float | None = None
    cpu_s: float | None = None
    max_rss_kib: int | None = None
    steal_percent: float | None = None
    deviation_p50_us: float | None = None
    deviation_p99_us: float | None = None
    burst: int | None = None
    p50_us: float | None = None
    p99_us: float | None = None
    p999_us: float | None = None
    max_us: float | None = None
    # What the tool says against its own run, which counts all the same.
    remark: str = ""
    # Why there are no figures.
    note: str = ""

    @property
    def key(self):
        """What a trial is, whenever it was made."""
        return (self.table, self.cell, self.tool, self.repetition)

    def per_million(self):
        """CPU seconds per million of what was served."""
        return 1e6 * self.cpu_s / self.served if self.cpu_s and self.served else None

    def per_cpu_second(self):
        """What was served for each CPU second of the tool."""
        return self.served / self.cpu_s if self.cpu_s and self.served else None

    def per_second(self):
        """What was served a second."""
        return self.served / self.duration_s if self.served is not None else None

    def arrived_percent(self):
        """What the server counted, of what was asked for."""
        return 100 * self.served / (self.rate * self.duration_s)

    def core_percent(self):
        """The share of a core that the tool used."""
        return 100 * self.cpu_s / self.wall_s if self.wall_s else None


_TYPES = typing.get_type_hints(Row)


def _text(value):
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _value(name, text):
    kind = _TYPES[name]
    options = [one for one in typing.get_args(kind) if one is not type(None)]
    if options:
        return options[0](text) if text else None
    return kind(text)


def append(path, row):
    """Adds a row, with the head when it is the first."""
    fresh = not path.exists()
    with open(path, "a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if fresh:
            writer.writerow(field.name for field in fields(Row))
        writer.writerow(_text(getattr(row, field.name)) for field in fields(Row))


def read(path):
    """All rows of a file; none when there is no file."""
    if not path.exists():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return [Row(**{name: _value(name, text) for name, text in record.items()})
                for record in csv.DictReader(file)]
