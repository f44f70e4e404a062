"""wrk, a closed loop, and wrk2, which gave it a rate and a corrected latency."""

import re

from tools.tool import Command, Reported, Tool, first_line, microseconds, the_match

# Any rate above what a machine can do makes wrk2 a closed loop.
_NO_LIMIT = 2_000_000


def _quantile(text, percent):
    found = re.search(rf"^\s*{percent}\d*%\s+([\d.]+\w+)\s*$", text, re.MULTILINE)
    return microseconds(found[1]) if found else None


class Wrk(Tool):
    """Closed loop only; its quantiles know nothing of requests it could not send."""

    program = "wrk"

    def version(self, program):
        return first_line([program, "-v"], r"wrk (\S+)")

    def command(self, program, load):
        return Command([program, "-t1", f"-c{load.connections}", f"-d{load.duration_s}s",
                        "--latency", load.url])

    def reported(self, program, finished, load):
        text = finished.stdout
        requests = int(the_match(r"^\s*(\d+) requests in ", text, "count of requests")[1])
        errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)",
                           text)
        other = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
        failed = sum(int(n) for n in errors.groups()) if errors else 0
        return Reported(requests, failed + (int(other[1]) if other else 0),
                        _quantile(text, "50"), _quantile(text, "99"), None)


class Wrk2(Wrk):
    """Discards what it sees in its first ten seconds, for which `settle_s` makes up."""

    program = "wrk2"
    settle_s = 11

    def version(self, program):
        # It calls itself wrk, and has had no release.
        return first_line([program, "-v"], r"wrk (\S+)") + " (no releases)"

    def command(self, program, load):
        plain = super().command(program, load)
        return Command([program, f"-R{load.rate or _NO_LIMIT}", *plain.argv[1:]])

    def reported(self, program, finished, load):
        plain = super().reported(program, finished, load)
        if load.rate is None or "Recorded Latency" not in finished.stdout:
            return Reported(plain.requests, plain.failed)
        text = finished.stdout
        return Reported(plain.requests, plain.failed, _quantile(text, r"50\.0"),
                        _quantile(text, r"99\.0"), _quantile(text, r"99\.90"),
                        _quantile(text, r"100\.0"))
