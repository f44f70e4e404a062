"""vegeta: an open loop for as long as it may start workers."""

import re
import subprocess

from tools.tool import Command, Reported, Tool, go_version, the_json


class Vegeta(Tool):
    """Capped, it has as many workers as connections; uncapped, what it likes."""

    program = "vegeta"

    def __init__(self, name, capped=True):
        super().__init__(name)
        self.capped = capped

    def version(self, program):
        return go_version(program)

    def command(self, program, load):
        argv = [program, "-cpus", "1", "attack", "-duration", f"{load.duration_s}s",
                "-rate", f"{load.rate or 0}/1s", "-connections", str(load.connections),
                "-workers", str(load.connections), "-http2=false", "-max-body", "0",
                "-output", str(load.folder / "vegeta.bin")]
        # Without a rate it insists on a limit.
        if self.capped or not load.rate:
            argv += ["-max-workers", str(load.connections)]
        return Command(argv, stdin=f"GET {load.url}\n")

    def reported(self, program, finished, load):
        def report(kind):
            return subprocess.run(
                [program, "report", "-type", kind, str(load.folder / "vegeta.bin")],
                capture_output=True, text=True, check=True, timeout=120).stdout

        return read(report("json"), report("hdrplot"))


def read(summary, plot):
    """Counts from the summary; quantiles from the plot, as the summary ends at p99."""
    said = the_json(summary)
    statuses = said["status_codes"]
    not_ok = sum(n for status, n in statuses.items() if not status.startswith("2"))

    def at(q):
        found = re.search(rf"^([\d.]+)\s+{q}\d*\s", plot, re.MULTILINE)
        return float(found[1]) * 1e3 if found else None

    return Reported(said["requests"], not_ok, said["latencies"]["50th"] / 1e3,
                    said["latencies"]["99th"] / 1e3, at(r"0\.9990"), said["latencies"]["max"] / 1e3)
