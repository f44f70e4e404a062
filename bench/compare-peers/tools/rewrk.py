"""rewrk, a closed loop."""

from tools.tool import Command, Reported, Tool, first_line, the_json, the_match


class Rewrk(Tool):
    """Says mean and extremes, and no quantiles."""

    program = "rewrk"

    def version(self, program):
        return first_line([program, "--version"], r"(?i:rewrk) (\S+)")

    def command(self, program, load):
        return Command([program, "-h", load.url, "-c", str(load.connections), "-t", "1",
                        "-d", f"{load.duration_s}s", "--json"])

    def reported(self, program, finished, load):
        document = the_match(r"^\{.*\}", finished.stdout, "document")[0]
        return Reported(int(the_json(document)["requests_total"]))
