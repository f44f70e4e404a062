"""loadgen drive, this project's own."""

from tools.tool import Command, Reported, Tool, first_line, the_json


class Loadgen(Tool):
    """Paced by sleeping to shortly before a send is due, or by spinning all the time."""

    program = "loadgen"
    # 6: it calls its own run no valid measurement; peers do not judge theirs, so it counts.
    statuses = (0, 6)

    def __init__(self, name, pacing="hybrid"):
        super().__init__(name)
        self.pacing = pacing

    def version(self, program):
        return first_line([program, "--version"], r"loadgen (.+)")

    def command(self, program, load):
        argv = [program, "drive", load.url, "--duration", f"{load.duration_s}s",
                "--connections", str(load.connections), "--pacing", self.pacing,
                "--warm-up", "0s", "--quiet", "--output", "json"]
        argv += ["--rate", str(load.rate)] if load.rate else ["--max-rate"]
        if load.protocol in ("h2", "h2c"):
            argv += ["--http", "2", "--streams", str(load.streams)]
        if load.credentials:
            argv += ["--ca", load.credentials.ca]
        if load.protocol == "mtls":
            argv += ["--cert", load.credentials.cert, "--key", load.credentials.key,
                     "--connection", "per-request"]
        return Command(argv)

    def reported(self, program, finished, load):
        said = the_json(finished.stdout)
        counts, times = said["counts"], said["response_time_us"]
        failed = counts["failed"] + counts["timed_out"] + counts["shed"]
        validity = said["validity"]
        against = "" if validity["verdict"] == "valid" else (
            f"{validity['verdict']}: {'; '.join(one['text'] for one in validity['reasons'])}")
        return Reported(counts["completed"], failed, times["p50"], times["p99"], times["p999"],
                        times["max"], remark=against)
