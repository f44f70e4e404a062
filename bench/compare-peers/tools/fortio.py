"""Fortio, which paces each connection by itself and starts them together."""

from tools.tool import Command, Reported, Tool, first_line, the_json

# Its default of 1 ms would make its quantiles interpolations within a millisecond.
_RESOLUTION_S = "0.00001"


class Fortio(Tool):
    """Its latency begins when the request is sent, however late that was."""

    program = "fortio"

    def version(self, program):
        return first_line([program, "version"], r"(\d+\.\d+\.\d+\S*)")

    def command(self, program, load):
        return Command([program, "load", "-quiet", "-loglevel", "Error",
                        "-c", str(load.connections), "-qps", str(load.rate or 0),
                        "-t", f"{load.duration_s}s", "-r", _RESOLUTION_S, "-p", "50,99,99.9",
                        "-json", str(load.folder / "fortio.json"), load.url])

    def reported(self, program, finished, load):
        return read((load.folder / "fortio.json").read_text(encoding="utf-8"))


def read(document):
    """From its JSON result."""
    said = the_json(document)
    times = said["DurationHistogram"]
    at = {point["Percentile"]: point["Value"] * 1e6 for point in times["Percentiles"] or []}
    not_ok = sum(n for code, n in said["RetCodes"].items() if code != "200")
    return Reported(times["Count"], not_ok, at.get(50), at.get(99), at.get(99.9),
                    times["Max"] * 1e6)
