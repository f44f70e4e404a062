"""What a tool is asked to do, and what it says of itself. Starts nothing."""

from dataclasses import dataclass, field
from pathlib import Path
import json
import re
import subprocess

from measure.quantile import quantile

_UNITS_US = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 60e6, "h": 3600e6}


class Unreadable(Exception):
    """A tool ended well and wrote what this program does not understand."""


@dataclass(frozen=True)
class Load:
    """What every tool is asked for alike."""

    url: str
    # http, https, h2, h2c, mtls; the last with a full handshake for each request.
    protocol: str
    duration_s: int
    connections: int
    # Requests a second over all connections; None asks for as many as can be.
    rate: int | None
    # Requests in flight on each connection, HTTP/2 only.
    streams: int
    credentials: object
    folder: Path
    # Quantiles that need each request are wanted, at the price of writing each down.
    detail: bool = False


@dataclass(frozen=True)
class Command:
    """A command line, with what it reads and what it must find in the environment."""

    argv: list
    stdin: str = ""
    env: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Reported:
    """What a tool says of its run. Times in microseconds; None where it says nothing."""

    requests: int
    failed: int = 0
    p50_us: float | None = None
    p99_us: float | None = None
    p999_us: float | None = None
    max_us: float | None = None
    # What it says against its own run.
    remark: str = ""


class Tool:
    """A generator under one set of its options."""

    # The program's name on the path, where it differs from the tool's.
    program = None
    # A rate-driven run reports nothing of its first seconds.
    settle_s = 0
    # Exit statuses after which it has written its figures.
    statuses = (0,)

    def __init__(self, name):
        self.name = name

    def version(self, program):
        """The tool's version, as it states it."""
        raise NotImplementedError

    def command(self, program, load):
        """How it is started."""
        raise NotImplementedError

    def reported(self, program, finished, load):
        """What it said, read from its output. Raises Unreadable."""
        raise NotImplementedError


def first_line(argv, pattern=r"(\S.*\S)"):
    """The first match of a pattern in what a command writes; for versions."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False,
                          stdin=subprocess.DEVNULL)
    found = re.search(pattern, done.stdout + done.stderr)
    return found[1] if found else "version unknown"


def go_version(program):
    """The version of a Go program's main module, which the linker puts into it."""
    try:
        return first_line(["go", "version", "-m", program], r"\tmod\t\S+\t(\S+)")
    except FileNotFoundError:
        return "version unknown (go is not here to read it)"


def microseconds(text):
    """A time such as 1.2ms, 35us, 2.00s."""
    found = re.fullmatch(r"([\d.]+)\s*(us|ms|s|m|h)", text)
    if not found:
        raise Unreadable(f"not a time: {text!r}")
    return float(found[1]) * _UNITS_US[found[2]]


def the_match(pattern, text, what):
    """A pattern's match that must be there."""
    found = re.search(pattern, text, re.MULTILINE)
    if not found:
        raise Unreadable(f"no {what} in: {text[-400:]!r}")
    return found


def the_json(text):
    """A document that must be there."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise Unreadable(f"not JSON ({error}): {text[:200]!r}") from error


def quantiles_us(times_us):
    """Quantiles and maximum of every request's time, for tools that list them only."""
    ordered = sorted(times_us)
    if not ordered:
        return {}
    return {"p50_us": quantile(ordered, 0.5), "p99_us": quantile(ordered, 0.99),
            "p999_us": quantile(ordered, 0.999), "max_us": ordered[-1]}
