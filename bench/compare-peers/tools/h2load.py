"""h2load, for HTTP/1.1 and HTTP/2; its rate is for each connection, in steps of 10 ms."""

from tools.tool import Command, Reported, Tool, first_line, quantiles_us, the_match


class H2load(Tool):
    """Its summary has no quantiles, its log of requests has them."""

    program = "h2load"

    def version(self, program):
        return first_line([program, "--version"], r"nghttp2/(\S+)")

    def command(self, program, load):
        argv = [program, "-t1", f"-c{load.connections}", "-D", str(load.duration_s)]
        if load.protocol in ("h2", "h2c"):
            argv += ["-m", str(load.streams)]
        else:
            argv.append("--h1")
        if load.rate:
            argv += [f"--rps={load.rate / load.connections:g}",
                     f"--log-file={load.folder / 'h2load.log'}"]
        return Command([*argv, load.url])

    def reported(self, program, finished, load):
        counts = the_match(r"requests: .* (\d+) done, (\d+) succeeded", finished.stdout, "counts")
        done, succeeded = int(counts[1]), int(counts[2])
        if load.rate is None:
            return Reported(done, done - succeeded)
        # Start in microseconds, status, microseconds to the end of the answer.
        log = (load.folder / "h2load.log").read_text(encoding="utf-8").splitlines()
        times = [float(line.split("\t")[2]) for line in log]
        return Reported(done, done - succeeded, **quantiles_us(times))
