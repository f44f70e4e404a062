"""Options, and which runs may be continued."""

import contextlib
import io
from pathlib import Path
import tempfile
import unittest

import compare
from measure import files, finding
from tests.test_report import SETTINGS


class Options(unittest.TestCase):
    def refused(self, *argv):
        said = io.StringIO()
        with contextlib.redirect_stderr(said), self.assertRaises(SystemExit) as end:
            compare.arguments(list(argv))
        self.assertEqual(end.exception.code, compare.USAGE)
        return said.getvalue()

    def test_all_is_every_table(self):
        self.assertEqual(compare.arguments(["all"]).tables, list(compare.plan.TABLES))

    def test_a_table_that_is_not_there_is_named_with_those_that_are(self):
        said = self.refused("precison")
        self.assertIn("precison", said)
        self.assertIn("precision, cost, sustained, tls, fidelity, soak", said)
        self.assertIn("found none", self.refused())

    def test_a_tool_that_is_not_there_is_named(self):
        with self.assertRaisesRegex(files.Refused, "no tool wkr; there are loadgen,"):
            compare.programs(compare.arguments(["all", "--only", "wrk,wkr"]))


    def test_the_record_names_no_path_of_this_machine(self):
        typed = compare._typed(["/home/me/compare.py", "all", "--wrk2", "/home/me/wrk2", "--seed", "2"])
        self.assertEqual(typed, "bench/compare-peers/compare.py all --wrk2 PATH --seed 2")


class Continuing(unittest.TestCase):
    def test_the_same_machine_order_and_tools_may_be_continued(self):
        new = {**SETTINGS, "commands": ["compare.py tls --continue"], "commit": "def"}
        both = files.joined(SETTINGS, new)
        self.assertEqual(both["commands"], SETTINGS["commands"] + new["commands"])
        self.assertEqual(both["commit"], SETTINGS["commit"])
        self.assertEqual(files.joined(both, new), both)

    def test_others_are_refused(self):
        for other in ({"versions": {"wrk": "4.2.0"}}, {"seed": 2}, {"quick": True}):
            with self.assertRaisesRegex(files.Refused, next(iter(other))):
                files.joined(SETTINGS, {**SETTINGS, **other})

    def test_a_new_run_drops_the_old_rows_and_a_continued_one_keeps_them(self):
        with tempfile.TemporaryDirectory() as folder:
            run = files.Files(Path(folder))
            with self.assertRaises(files.Refused):
                run.load()
            run.begin(SETTINGS, resume=False)
            run.rows.write_text("old\n", encoding="utf-8")
            run.begin(SETTINGS, resume=True)
            self.assertTrue(run.rows.exists())
            run.begin(SETTINGS, resume=False)
            self.assertFalse(run.rows.exists())


class Finding(unittest.TestCase):
    def test_a_program_that_was_told_must_be_there(self):
        with self.assertRaisesRegex(FileNotFoundError, "wrk2: no program at /nowhere/wrk2"):
            finding.find("wrk2", Path("/nowhere"), "/nowhere/wrk2")

    def test_the_cache_comes_before_the_path(self):
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder) / "bin" / "sh"
            program.parent.mkdir()
            program.write_text("#!/bin/sh\n", encoding="utf-8")
            program.chmod(0o755)
            self.assertEqual(finding.find("sh", Path(folder)), str(program))
        self.assertIsNone(finding.find("no-such-program-anywhere", Path("/nowhere")))


if __name__ == "__main__":
    unittest.main()
