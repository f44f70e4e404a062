"""Every tool's command line, and its output as it writes it (shortened)."""

from dataclasses import replace
from pathlib import Path
import json
import tempfile
import unittest

from measure.child import Finished
from measure.servers import Credentials
from tools import TOOLS, fortio, vegeta
from tools.tool import Load, Unreadable, microseconds

PACED = Load(url="http://127.0.0.1:1/", protocol="http", duration_s=8, connections=50, rate=1000,
             streams=1, credentials=None, folder=Path("/nowhere"))
CLOSED = replace(PACED, rate=None)
TLS = Credentials("ca.pem", "leaf.pem", "leaf.key")


def words(name, load):
    return " ".join(TOOLS[name].command(f"/bin/{name}", load).argv)


def read(name, text, load=PACED):
    done = Finished(status=0, stdout=text, stderr="", wall_s=8, cpu_s=1, max_rss_kib=1)
    return TOOLS[name].reported(name, done, load)


class Commands(unittest.TestCase):
    def test_a_rate_for_each_connection_adds_up_to_the_asked_one(self):
        self.assertIn("-q 20 ", words("hey", PACED))
        self.assertIn("--rps=20 ", words("h2load", PACED))
        self.assertIn("-q 2 ", words("hey", replace(PACED, rate=100)))

    def test_a_rate_for_all_is_passed_on(self):
        for name, text in (("wrk2", "-R1000 "), ("oha", "-q 1000"), ("vegeta", "-rate 1000/1s"),
                           ("fortio", "-qps 1000"), ("loadgen", "--rate 1000")):
            self.assertIn(text, words(name, PACED))

    def test_a_closed_loop_is_asked_for_in_each_tools_way(self):
        for name, text in (("wrk2", "-R2000000 "), ("vegeta", "-rate 0/1s"), ("fortio", "-qps 0"),
                           ("vegeta", "-max-workers 50"), ("loadgen", "--max-rate")):
            self.assertIn(text, words(name, CLOSED))
        for name in ("oha", "hey"):
            self.assertNotIn(" -q ", words(name, CLOSED))
        self.assertNotIn("--rps", words("h2load", CLOSED))

    def test_what_is_capped_and_what_is_not(self):
        self.assertIn("-max-workers 50", words("vegeta", PACED))
        self.assertNotIn("-max-workers", words("vegeta-uncapped", PACED))
        self.assertIn("--latency-correction", words("oha-corrected", PACED))
        self.assertNotIn("--latency-correction", words("oha", PACED))

    def test_http2_and_handshakes(self):
        h2 = replace(CLOSED, url="https://127.0.0.1:1/", protocol="h2", streams=10,
                     credentials=TLS)
        self.assertIn("-m 10", words("h2load", h2))
        self.assertNotIn("--h1", words("h2load", h2))
        self.assertIn("--http2 -p 10 --cacert ca.pem", words("oha", h2))
        self.assertIn("--http 2 --streams 10 --ca ca.pem", words("loadgen", h2))
        self.assertIn("--h1", words("h2load", CLOSED))
        mtls = replace(h2, protocol="mtls", streams=1)
        self.assertIn("--connection per-request", words("loadgen", mtls))
        self.assertIn("--cert leaf.pem --key leaf.key", words("loadgen", mtls))
        self.assertIn("-new -connect 127.0.0.1:1 ", words("s_time", mtls))
        self.assertNotIn("-www", words("s_time", mtls))
        self.assertIn("-www /", words("s_time-www", mtls))

    def test_all_that_loadgen_sends_is_in_its_figures(self):
        # Its default leaves a warm-up out, which the server would count.
        self.assertIn("--warm-up 0s", words("loadgen", PACED))

    def test_k6_is_given_a_script(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, load, wanted in (
                    ("k6", PACED, {"rate": 1000, "maxVUs": 50}),
                    ("k6-uncapped", PACED, {"rate": 1000, "maxVUs": 1000}),
                    ("k6", CLOSED, {"executor": "constant-vus", "vus": 50})):
                command = TOOLS[name].command("k6", replace(load, folder=Path(folder)))
                script = Path(command.argv[-1]).read_text(encoding="utf-8")
                found = json.loads(script.split("{ load: ")[1].split(" },\n")[0])
                self.assertEqual(found, {**found, **wanted})
                self.assertIn(f"http.get('{load.url}')", script)
                self.assertEqual(command.env, {"K6_NO_USAGE_REPORT": "true"})


WRK = """\
  Latency Distribution
     50%   45.00us
     75%    1.64ms
     99%    7.67ms
  29287 requests in 1.02s, 1.15MB read
  Socket errors: connect 0, read 3, write 1, timeout 2
  Non-2xx or 3xx responses: 4
Requests/sec:  28778.60
"""
WRK2 = """\
  Latency Distribution (HdrHistogram - Recorded Latency)
 50.000%    0.93ms
 99.000%    5.36ms
 99.900%   10.27ms
 99.990%    1.20s
100.000%    1.21s
  2201 requests in 11.00s, 88.04KB read
"""
OHA = {
    "summary": {"slowest": 0.05},
    "latencyPercentiles": {"p50": 0.0077, "p99": 0.045, "p99.9": None},
    "statusCodeDistribution": {"200": 195, "503": 2},
    "errorDistribution": {"aborted due to deadline": 4, "connection closed": 1},
}
HEY = """\
  Slowest:\t0.0052 secs
  Requests/sec:\t199.6914

Latency distribution:
  50%% in 0.0002 secs
  99%% in 0.0051 secs

Status code distribution:
  [200]\t200 responses
  [503]\t2 responses

Error distribution:
  [3]\tGet "http://127.0.0.1:1/": EOF
"""
HEY_CSV = """\
response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset
0.0007,0.0003,0.0000,0.0001,0.0001,0.0001,200,0.0216
0.0002,0.0001,0.0000,0.0001,0.0001,0.0000,200,0.0249
0.0009,0.0001,0.0000,0.0001,0.0001,0.0000,503,0.0250
"""
H2LOAD = """\
finished in 1.00s, 200.00 req/s, 8.01KB/s
requests: 200 total, 204 started, 200 done, 198 succeeded, 2 failed, 0 errored, 0 timeout
time for request:      192us      7.32ms       679us      1.45ms    93.50%
"""
VEGETA = {"latencies": {"50th": 294506, "99th": 4633841, "max": 5366354}, "requests": 200,
          "status_codes": {"0": 1, "200": 199}}
VEGETA_PLOT = """\
Value(ms)  Percentile  TotalCount  1/(1-Percentile)
0.294506   0.500000    100         2.000000
4.929000   0.998047    199         512.032770
5.111000   0.999023    199         1023.541453
5.366354   1.000000    200         10000000.000000
"""
FORTIO = {"DurationHistogram": {"Count": 200, "Max": 0.0121, "Percentiles": [
    {"Percentile": 50, "Value": 0.0001125}, {"Percentile": 99, "Value": 0.0110321},
    {"Percentile": 99.9, "Value": 0.011961}]}, "RetCodes": {"200": 198, "-1": 2}}
K6 = {"metrics": {
    "dropped_iterations": {"values": {"count": 7}},
    "http_req_duration": {"values": {"med": 5.25, "p(99)": 20.5, "p(99.9)": 27.5, "max": 28.0}},
    "http_reqs": {"values": {"count": 194}}, "http_req_failed": {"values": {"passes": 3}}}}
S_TIME = """\

4859 connections in 2.42s; 2007.85 connections/user sec, bytes read 0
4859 connections in 4 real seconds, 0 bytes read per connection
"""
LOADGEN = {
    "counts": {"offered": 8000, "completed": 7990, "failed": 4, "timed_out": 5, "shed": 1},
    "validity": {"verdict": "suspect", "reasons": [{"text": "late"}, {"text": "shed"}]},
    "response_time_us": {"min": 20.0, "p50": 43.0, "p99": 154.0, "p999": 900.0, "max": 901.5}}


class Outputs(unittest.TestCase):
    def check(self, said, requests, failed, *quantiles):
        self.assertEqual((said.requests, said.failed), (requests, failed))
        for found, wanted in zip(
                (said.p50_us, said.p99_us, said.p999_us, said.max_us), quantiles, strict=True):
            if wanted is None:
                self.assertIsNone(found)
            else:
                self.assertAlmostEqual(found, wanted, places=3)

    def test_wrk_and_wrk2(self):
        self.check(read("wrk", WRK), 29287, 10, 45, 7670, None, None)
        self.check(read("wrk2", WRK2), 2201, 0, 930, 5360, 10270, 1_210_000)
        # Driven as hard as it goes, its corrected latency is the backlog of a rate that nobody
        # meant.
        self.check(read("wrk2", WRK2, CLOSED), 2201, 0, None, None, None, None)

    def test_oha(self):
        self.check(read("oha", json.dumps(OHA)), 197, 3, 7700, 45_000, None, 50_000)

    def test_hey(self):
        self.check(read("hey", HEY), 202, 5, 200, 5100, None, 5200)
        self.check(read("hey", HEY_CSV, replace(PACED, detail=True)), 3, 1, 200, 700, 700, 700)

    def test_h2load(self):
        self.check(read("h2load", H2LOAD, CLOSED), 200, 2, None, None, None, None)
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "h2load.log").write_text(
                "".join(f"1795520070801957\t200\t{us}\n" for us in range(1, 101)),
                encoding="utf-8")
            said = read("h2load", H2LOAD, replace(PACED, folder=Path(folder)))
            self.check(said, 200, 2, 50, 99, 100, 100)

    def test_rewrk(self):
        self.check(read("rewrk", 'Beginning\n{"latency_avg":1.5,"requests_total":81000}\n'),
                   81_000, 0, None, None, None, None)

    def test_vegeta(self):
        self.check(vegeta.read(json.dumps(VEGETA), VEGETA_PLOT), 200, 1, 294.506, 4633.841, 5111,
                   5366.354)

    def test_fortio(self):
        self.check(fortio.read(json.dumps(FORTIO)), 200, 2, 112.5, 11_032.1, 11_961,
                   12_100)

    def test_k6_counts_what_it_dropped_as_failed(self):
        self.check(read("k6", json.dumps(K6)), 194, 10, 5250, 20_500, 27_500, 28_000)

    def test_s_time(self):
        self.check(read("s_time", S_TIME), 4859, 0, None, None, None, None)

    def test_loadgen(self):
        said = read("loadgen", json.dumps(LOADGEN))
        self.check(said, 7990, 10, 43, 154, 900, 901.5)
        self.assertEqual(said.remark, "suspect: late; shed")
        valid = {**LOADGEN, "validity": {"verdict": "valid", "reasons": []}}
        self.assertEqual(read("loadgen", json.dumps(valid)).remark, "")

    def test_output_that_is_not_understood_is_said(self):
        for name in ("wrk", "oha", "hey", "h2load", "rewrk", "k6", "s_time", "loadgen"):
            with self.assertRaises(Unreadable, msg=name):
                read(name, "segmentation fault\n")

    def test_times(self):
        for text, us in (("45.00us", 45), ("1.64ms", 1640), ("2.00s", 2e6), ("1.5m", 90e6)):
            self.assertAlmostEqual(microseconds(text), us)
        with self.assertRaises(Unreadable):
            microseconds("soon")


if __name__ == "__main__":
    unittest.main()
