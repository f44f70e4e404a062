"""`openssl s_time -new`: full handshakes one after another, the measure of what TLS costs."""

from tools.tool import Command, Reported, Tool, first_line, the_match


class STime(Tool):
    """With `page`, each handshake is followed by a request, as a load generator's is."""

    program = "openssl"

    def __init__(self, name, page=False):
        super().__init__(name)
        self.page = page

    def version(self, program):
        return first_line([program, "version"], r"OpenSSL (\S+)")

    def command(self, program, load):
        where = load.url.removeprefix("https://").rstrip("/")
        argv = [program, "s_time", "-new", "-connect", where, "-time", str(load.duration_s),
                "-CAfile", load.credentials.ca, "-verify", "3",
                "-cert", load.credentials.cert, "-key", load.credentials.key]
        return Command(argv + (["-www", "/"] if self.page else []))

    def reported(self, program, finished, load):
        found = the_match(r"(\d+) connections in [\d.]+ real seconds", finished.stdout, "count")
        return Reported(int(found[1]))
