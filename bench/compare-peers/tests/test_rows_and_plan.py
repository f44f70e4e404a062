"""Rows survive the disk; the plan is fair, repeatable and as short as promised."""

from pathlib import Path
import tempfile
import unittest

from measure import plan, rows
from measure.rows import Row
from tools import TOOLS


def a_row(**changes):
    return Row(**{**dict(
        table="cost", cell="nginx, 16", tool="wrk", repetition=1, position=1,
        started="2026-01-01T00:00:00+00:00", server="nginx", protocol="http", connections=16,
        streams=1, rate=None, duration_s=2, planted=""), **changes})


class Store(unittest.TestCase):
    def test_a_row_comes_back_as_it_went(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows.csv"
            full = a_row(rate=1000, served=2000, cpu_s=0.25, wall_s=2.5, p99_us=12.5, failed=0)
            failed = a_row(tool="k6", note='exit status 1: "no, not this",\nit said')
            for row in (full, failed):
                rows.append(path, row)
            self.assertEqual(rows.read(path), [full, failed])
            self.assertEqual(rows.read(Path(folder) / "none.csv"), [])

    def test_what_is_derived(self):
        row = a_row(served=200_000, cpu_s=1.6, wall_s=2.0, rate=100_000)
        self.assertAlmostEqual(row.per_million(), 8)
        self.assertAlmostEqual(row.per_cpu_second(), 125_000)
        self.assertAlmostEqual(row.per_second(), 100_000)
        self.assertAlmostEqual(row.core_percent(), 80)
        self.assertAlmostEqual(row.arrived_percent(), 100)
        self.assertIsNone(a_row(note="gone").per_million())


class Plan(unittest.TestCase):
    ALL = {name: tool.settle_s for name, tool in TOOLS.items()}

    def keys(self, seed=1, settle_s=None, quick=False):
        made = plan.trials(plan.TABLES, quick, settle_s or self.ALL, seed)
        return [trial.key for trial in made]

    def test_the_seed_is_the_order(self):
        self.assertEqual(self.keys(1), self.keys(1))
        self.assertNotEqual(self.keys(1), self.keys(2))
        self.assertEqual(sorted(self.keys(1)), sorted(self.keys(2)))

    def test_no_trial_comes_twice_and_every_tool_has_its_part(self):
        keys = self.keys()
        self.assertEqual(len(keys), len(set(keys)))
        self.assertEqual({tool for _, _, tool, _ in keys}, set(TOOLS))

    def test_a_missing_tool_moves_no_other(self):
        without = {name: s for name, s in self.ALL.items() if name != "wrk2"}
        self.assertEqual(self.keys(settle_s=without),
                         [key for key in self.keys() if key[2] != "wrk2"])

    def test_tools_that_are_compared_run_right_after_one_another(self):
        blocks = [(table, cell, repetition) for table, cell, _, repetition in self.keys()]
        changes = 1 + sum(a != b for a, b in zip(blocks, blocks[1:]))
        self.assertEqual(changes, len(set(blocks)))

    def test_it_ends_in_the_time_that_is_promised(self):
        for quick, minutes in ((True, 5), (False, 40)):
            settle_s = {name: 0 for name in TOOLS} if quick else self.ALL
            planned = plan.trials(plan.TABLES, quick, settle_s, 1)
            self.assertLess(sum(trial.takes_s for trial in planned) / 60, minutes)

    def test_a_share_of_a_rate_is_of_what_the_same_tool_did(self):
        trial = next(trial for trial in plan.trials(("sustained",), False, {"loadgen": 0}, 1)
                     if trial.cell.connections == 16)
        closed = dict(table="cost", cell="origin, 16", tool="loadgen", duration_s=2)
        made = [a_row(**closed, served=served) for served in (190_000, 200_000, 230_000)]
        others = [a_row(**{**closed, "tool": "wrk"}, served=400_000),
                  a_row(**{**closed, "cell": "origin, 64"}, served=400_000),
                  a_row(**closed, served=1, note="ended early")]
        self.assertEqual(trial.with_rate(made + others).cell.rate, 90_000)
        self.assertIsNone(trial.with_rate(others).cell.rate)
        self.assertEqual(trial.with_rate(made).key, trial.key)

    def test_stalls_are_met_in_whole_periods(self):
        for quick in (True, False):
            for cell in plan.cells("fidelity", quick):
                period_s = getattr(cell.planted, "period_ms", 1000) / 1000
                self.assertEqual(cell.duration_s % period_s, 0, cell.name)


if __name__ == "__main__":
    unittest.main()
