"""The files of a run: what it was made with, its rows, its report; and when it may be continued."""

import json

from measure import report, rows


class Refused(Exception):
    """What was asked for cannot be done; the message says what to do."""


# Rows that differ in one of these are not of one run.
_SAME = ("machine", "seed", "quick", "server_core", "generator_core", "versions")


def joined(old, new):
    """The settings of a run that is continued."""
    other = [key for key in _SAME if old[key] != new[key]]
    if other:
        raise Refused("--continue: the rows there were made with another "
                      f"{', '.join(other)}: {[old[key] for key in other]}, now "
                      f"{[new[key] for key in other]}; leave --continue out to begin anew")
    # A run in many pieces is one command, given again.
    commands = old["commands"]
    fresh = [command for command in new["commands"] if command not in commands]
    return {**old, "commands": commands + fresh}


class Files:
    """The files of a run in its folder."""

    def __init__(self, out):
        self.results = out / "results"
        self.rows = self.results / "rows.csv"
        self.settings = self.results / "run.json"
        self.report = out / "RESULTS.md"

    def load(self):
        """The settings of the run that is there."""
        if not self.settings.exists():
            raise Refused(f"no run in {self.results}: {self.settings.name} is missing")
        return json.loads(self.settings.read_text(encoding="utf-8"))

    def begin(self, new, resume):
        """Writes the settings; drops old rows unless they are continued."""
        self.results.mkdir(parents=True, exist_ok=True)
        if resume and self.settings.exists():
            new = joined(self.load(), new)
        else:
            self.rows.unlink(missing_ok=True)
        text = json.dumps(new, indent=2, ensure_ascii=False)
        self.settings.write_text(text + "\n", encoding="utf-8")

    def write_report(self):
        """RESULTS.md from what is on disk; its path."""
        text = report.render(self.load(), rows.read(self.rows))
        self.report.write_text(text, encoding="utf-8")
        return self.report
