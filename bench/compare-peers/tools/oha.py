"""oha, with and without its latency correction."""

from tools.tool import Command, Reported, Tool, first_line, the_json


class Oha(Tool):
    """One rate for all connections, paced by tokio's clock."""

    program = "oha"

    def __init__(self, name, correction=False):
        super().__init__(name)
        self.correction = correction

    def version(self, program):
        return first_line([program, "--version"], r"oha (\S+)")

    def command(self, program, load):
        argv = [program, "--no-tui", "--worker-threads", "1", "-c", str(load.connections),
                "-z", f"{load.duration_s}s", "--output-format", "json"]
        if load.rate:
            argv += ["-q", str(load.rate)]
        if self.correction:
            argv.append("--latency-correction")
        if load.protocol in ("h2", "h2c"):
            argv += ["--http2", "-p", str(load.streams)]
        if load.credentials:
            argv += ["--cacert", load.credentials.ca]
        return Command([*argv, load.url])

    def reported(self, program, finished, load):
        said = the_json(finished.stdout)
        statuses = said["statusCodeDistribution"]
        # What it cuts off at the end of the time it was given is not a failure.
        errors = {why: n for why, n in said["errorDistribution"].items() if "deadline" not in why}
        not_ok = sum(n for status, n in statuses.items() if not status.startswith("2"))

        def at(key):
            seconds = said["latencyPercentiles"][key]
            return None if seconds is None else seconds * 1e6

        return Reported(sum(statuses.values()), not_ok + sum(errors.values()),
                        at("p50"), at("p99"), at("p99.9"), said["summary"]["slowest"] * 1e6)
