"""hey, which gives each of its workers the same rate and sends them off together."""

import csv
import re

from tools.tool import Command, Reported, Tool, go_version, quantiles_us, the_match


class Hey(Tool):
    """Its summary has no p99.9, its list of requests has."""

    program = "hey"

    def version(self, program):
        return go_version(program)

    def command(self, program, load):
        argv = [program, "-c", str(load.connections), "-z", f"{load.duration_s}s", "-t", "60"]
        if load.rate:
            argv += ["-q", f"{load.rate / load.connections:g}"]
        if load.detail:
            argv += ["-o", "csv"]
        return Command([*argv, load.url])

    def reported(self, program, finished, load):
        if load.detail:
            rows = list(csv.DictReader(finished.stdout.splitlines()))
            ok = [float(row["response-time"]) * 1e6 for row in rows if row["status-code"] == "200"]
            return Reported(len(rows), len(rows) - len(ok), **quantiles_us(ok))
        text = finished.stdout
        statuses = {code: int(n) for code, n in re.findall(r"\[(\d+)\]\s+(\d+) responses", text)}
        the_match(r"Requests/sec:\s+[\d.]+", text, "summary")
        errors = re.search(r"Error distribution:\n((?:\s+\[\d+\].*\n?)+)", text)
        failed = sum(int(n) for n in re.findall(r"\[(\d+)\]", errors[1])) if errors else 0
        not_ok = sum(n for code, n in statuses.items() if not code.startswith("2"))

        def at(percent):
            found = re.search(rf"{percent}%+ in ([\d.]+) secs", text)
            return float(found[1]) * 1e6 if found else None

        slowest = re.search(r"Slowest:\s+([\d.]+) secs", text)
        return Reported(sum(statuses.values()), failed + not_ok, at(50), at(99), None,
                        float(slowest[1]) * 1e6 if slowest else None)
