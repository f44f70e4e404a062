"""Deviation and bursts, on stamps whose answer is known."""

from array import array
from pathlib import Path
import random
import tempfile
import unittest

from measure.arrivals import (NS, deviations_us, largest_burst, precision, read_stamps, steady)
from measure.quantile import quantile


def schedule(rate, seconds, start=7 * NS):
    return [start + k * NS // rate for k in range(rate * seconds)]


class Deviation(unittest.TestCase):
    def test_a_perfect_schedule_deviates_by_nothing_wherever_it_begins(self):
        for start in (0, 123_456_789_012_345):
            found = precision(schedule(1000, 4, start), 1000)
            self.assertLess(found.deviation_p99_us, 0.001)
            self.assertEqual(found.burst, 1)

    def test_a_constant_lateness_is_the_offset_and_no_deviation(self):
        late = [stamp + 300_000 for stamp in schedule(1000, 4)]
        self.assertLess(precision(late, 1000).deviation_p99_us, 0.001)

    def test_one_late_arrival_in_fifty_is_the_p99_and_not_the_median(self):
        stamps = [stamp + (40_000 if k % 50 == 0 else 0)
                  for k, stamp in enumerate(schedule(1000, 4))]
        found = precision(stamps, 1000)
        self.assertAlmostEqual(found.deviation_p50_us, 0, places=3)
        self.assertAlmostEqual(found.deviation_p99_us, 40, places=3)

    def test_the_offset_makes_the_sum_of_the_deviations_smallest(self):
        draw = random.Random(5)
        stamps = sorted(stamp + int(draw.expovariate(1 / 80_000))
                        for stamp in schedule(2000, 1))
        best = sum(deviations_us(stamps, 2000))
        rests = [stamp - stamps[0] - k * NS / 2000 for k, stamp in enumerate(stamps)]
        for offset in range(0, 200_000, 5000):
            other = sum(abs(rest - offset) / 1000 for rest in rests)
            self.assertGreaterEqual(other, best - 1e-6)

    def test_another_rate_than_the_asked_one_is_a_deviation(self):
        # One percent slow for 2.75 s: 27.5 ms behind at the end, centred on the median.
        found = precision(schedule(990, 4), 1000)
        self.assertAlmostEqual(found.deviation_p99_us, 0.99 * 27_500 / 2, delta=300)

    def test_a_request_that_was_left_out_moves_all_later_ones(self):
        stamps = schedule(1000, 4)
        del stamps[1500:1502]
        # Two places of 1 ms, for the later and larger part; the median takes their side.
        self.assertAlmostEqual(precision(stamps, 1000).deviation_p99_us, 2000, places=2)

    def test_the_first_second_and_the_last_quarter_do_not_count(self):
        stamps = schedule(1000, 4)
        kept = steady(stamps)
        self.assertEqual(kept[0], stamps[0] + NS)
        self.assertLess(kept[-1], stamps[-1] - NS // 4)
        spoilt = sorted([stamps[0]] * 500 + stamps + [stamps[-1]] * 500)
        self.assertLess(precision(spoilt, 1000).deviation_p99_us, 0.001)

    def test_too_few_arrivals_are_not_judged(self):
        self.assertIsNone(precision([], 100))
        self.assertIsNone(precision(schedule(40, 3), 40))


class Burst(unittest.TestCase):
    def test_connections_that_send_together_are_one_burst(self):
        stamps = sorted(start + i for start in schedule(20, 4) for i in range(50))
        self.assertEqual(largest_burst(stamps), 50)

    def test_the_window_is_open_at_its_end(self):
        self.assertEqual(largest_burst([0, 999_999, 1_000_000, 1_999_998]), 3)
        self.assertEqual(largest_burst([0, 1_000_000]), 1)
        self.assertEqual(largest_burst([]), 0)

    def test_a_high_rate_has_its_own_burst(self):
        self.assertEqual(largest_burst(schedule(20_000, 1)), 20)


class Files(unittest.TestCase):
    def test_stamps_come_back_in_order_and_a_part_of_one_is_left_out(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "stamps"
            # Little-endian, as the origin writes them.
            data = b"".join(n.to_bytes(8, "little") for n in (30, 10, 2**40))
            path.write_bytes(data + b"\x01\x02\x03")
            self.assertEqual(read_stamps(path), [10, 30, 2**40])
            self.assertEqual(array("Q").itemsize, 8)


class Quantile(unittest.TestCase):
    def test_it_is_the_smallest_value_that_the_share_does_not_exceed(self):
        hundred = list(range(1, 101))
        self.assertEqual([quantile(hundred, q) for q in (0, 0.5, 0.99, 1)], [1, 50, 99, 100])
        self.assertEqual(quantile([5], 0.999), 5)


if __name__ == "__main__":
    unittest.main()
