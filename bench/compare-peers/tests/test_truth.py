"""The arithmetic of planted delays, against a server that is played through."""

import random
import unittest

from measure.quantile import quantile
from measure.truth import EveryNth, Exponential, Stall


class Truth(unittest.TestCase):
    def test_the_stall_is_what_playing_it_through_gives(self):
        stall = Stall(200, 2000)
        arrivals_ms = [k + 0.5 for k in range(20_000)]
        waits = sorted(max(0.0, 200 - at % 2000) for at in arrivals_ms)
        for q in (0.5, 0.89, 0.92, 0.99, 0.999, 1):
            self.assertAlmostEqual(stall.quantile(q), quantile(waits, q), delta=1)
        self.assertAlmostEqual(stall.quantile(0.99), 180)
        self.assertAlmostEqual(stall.quantile(0.999), 198)

    def test_every_nth(self):
        late = EveryNth(50, 5)
        self.assertEqual([late.quantile(q) for q in (0.5, 0.97, 0.99, 0.999)], [0, 0, 5, 5])

    def test_the_exponential_is_what_drawing_it_gives(self):
        draw = random.Random(3)
        drawn = sorted(draw.expovariate(1 / 5) for _ in range(200_000))
        for q in (0.5, 0.99):
            self.assertAlmostEqual(Exponential(5).quantile(q) / quantile(drawn, q), 1, delta=0.02)
        self.assertIsNone(Exponential(5).quantile(1))

    def test_the_origin_is_told_the_same(self):
        self.assertEqual(Stall(200, 2000).serve_options(), ["--stall", "200ms/2000ms"])
        self.assertEqual(EveryNth(50, 5).serve_options(),
                         ["--delay", "5ms", "--delay-every", "50"])
        self.assertEqual(Exponential(5).serve_options(), ["--delay", "exp:5ms"])


if __name__ == "__main__":
    unittest.main()
