"""Medians, ratios and what the report owns up to."""

import unittest

from measure import figures, plan, report, tables
from tests.test_rows_and_plan import a_row

SETTINGS = {
    "commands": ["bench/compare-peers/compare.py all"], "started": "2026-01-01T00:00:00+00:00",
    "machine": "a machine", "commit": "abc", "seed": 1, "quick": False, "server_core": 0,
    "generator_core": 1, "versions": {"wrk": "4.1.0"}, "missing": {"wrk2": "no wrk2 found"},
}


def cost_rows():
    """oha takes 1.25, 1.5 and 1.25 times wrk's CPU, while wrk's own doubles over time."""
    made = []
    for repetition, (wrk_s, oha_s) in enumerate(((1.0, 1.25), (1.5, 2.25), (2.0, 2.5)), 1):
        for tool, cpu_s in (("wrk", wrk_s), ("oha", oha_s)):
            made.append(a_row(tool=tool, repetition=repetition, served=100_000, reported=100_000,
                              cpu_s=cpu_s, wall_s=2.0))
    return made


class Figures(unittest.TestCase):
    def test_three_digits(self):
        said = {0: "0", 0.0567: "0.057", 1.234: "1.23", 9.996: "10.0", 12.34: "12.3",
                99.96: "100", 123.4: "123", 9999: "9999", 12_345: "12.3k", 104_600: "105k",
                999_700: "1.00M"}
        for value, text in said.items():
            self.assertEqual(figures.figure(value), text)
        self.assertEqual(figures.figure(None), "–")

    def test_the_spread_is_shown_where_there_is_one(self):
        self.assertEqual(figures.spread([3, 1, None, 2]), "2.00 [1.00, 3.00]")
        self.assertEqual(figures.spread([2]), "2.00")
        self.assertEqual(figures.spread([]), "–")


class Tables(unittest.TestCase):
    def test_ratios_are_taken_within_a_repetition(self):
        text = "\n".join(tables.cost(cost_rows()))
        self.assertIn("| oha | 0.800 [0.667, 0.800] |", text)
        self.assertIn("| wrk | 1.00 [1.00, 1.00] |", text)
        self.assertIn("| wrk | 15.0 [10.0, 20.0] (50.0k/s) |", text)

    def test_a_trial_with_a_note_has_no_figures(self):
        made = cost_rows()
        made[1].note = "exit status 1"
        self.assertIn("| oha | 0.733 [0.667, 0.800] |", "\n".join(tables.cost(made)))

    def test_the_truth_stands_above_what_tools_say(self):
        cell = plan.cells("fidelity", False)[0]
        row = a_row(table="fidelity", cell=cell.name, tool="oha", rate=1000, p50_us=54.0,
                    p99_us=90_000.0, p999_us=198_000.0, max_us=220_000.0)
        text = "\n".join(tables.fidelity([row]))
        self.assertIn("| **truth** | 0 | 180 | 198 | 200 | – |", text)
        self.assertIn("| oha | 0.054 | 90.0 | 198 | 220 | -50.0 %, +0.0 %, +10.0 % |", text)

    def test_precision_and_soak(self):
        row = a_row(table="precision", cell="1000/s", rate=1000, tool="hey", duration_s=8,
                    served=8000, wall_s=8.0, cpu_s=0.4, deviation_p50_us=3.0,
                    deviation_p99_us=50.0, burst=5)
        text = "\n".join(tables.precision([row]))
        for line in ("| hey | 3.00 / 50.0 |", "| hey | 5.00 · 5.00 % |", "| hey | 100 |"):
            self.assertIn(line, text)
        soak = a_row(table="soak", cell="110 s", tool="loadgen", connections=1000,
                     served=10_000_000, max_rss_kib=32 * 1024)
        self.assertIn("| loadgen | 110 s | 10.0M | 1000 | 32.0 |", "\n".join(tables.soak([soak])))


class Report(unittest.TestCase):
    def test_it_says_what_was_not_measured_and_what_was_odd(self):
        made = cost_rows()
        made[0].note = "exit status 1:\nno such thing"
        made[2].reported = 90_000
        made[3].failed = 7
        made[4].steal_percent = 12.0
        made[5].remark = "suspect: late"
        text = report.render(SETTINGS, made)
        for line in ("- not measured: wrk2: no wrk2 found",
                     "- no figures: wrk, nginx, 16, repetition 1: exit status 1: no such thing",
                     "- wrk, nginx, 16, repetition 2: it says 90000 completed, the server says",
                     "- oha, nginx, 16: 7 failed or dropped",
                     "- oha, nginx, 16, repetition 3 calls itself suspect: late",
                     "- 1 of 6 trials lost more than 5 %",
                     "    bench/compare-peers/compare.py all\n", "wrk 4.1.0"):
            self.assertIn(line, text)
        self.assertNotIn("## Precision", text)

    def test_a_quick_run_says_so(self):
        self.assertNotIn("quick run", report.render(SETTINGS, cost_rows()))
        self.assertIn("quick run", report.render({**SETTINGS, "quick": True}, cost_rows()))


if __name__ == "__main__":
    unittest.main()
