"""k6: arrivals by a script; what finds no free user is dropped and not in its latencies."""

import json

from tools.tool import Command, Reported, Tool, first_line, the_json

_SCRIPT = """\
import http from 'k6/http';
export const options = {
    discardResponseBodies: true,
    insecureSkipTLSVerify: true,
    summaryTrendStats: ['med', 'p(99)', 'p(99.9)', 'max'],
    scenarios: { load: %s },
};
export default function () { http.get('%s'); }
export function handleSummary(data) { return { stdout: JSON.stringify(data) }; }
"""


class K6(Tool):
    """Capped, it has as many users as connections; uncapped, up to a thousand."""

    program = "k6"

    def __init__(self, name, capped=True):
        super().__init__(name)
        self.capped = capped

    def version(self, program):
        return first_line([program, "version"], r"k6 (\S+)")

    def command(self, program, load):
        duration = f"{load.duration_s}s"
        if load.rate:
            scenario = {
                "executor": "constant-arrival-rate", "rate": load.rate, "timeUnit": "1s",
                "duration": duration, "preAllocatedVUs": load.connections,
                "maxVUs": load.connections if self.capped else 1000}
        else:
            scenario = {"executor": "constant-vus", "vus": load.connections, "duration": duration}
        script = load.folder / "k6.js"
        script.write_text(_SCRIPT % (json.dumps(scenario), load.url), encoding="utf-8")
        return Command([program, "run", "--quiet", "--no-usage-report", str(script)],
                       env={"K6_NO_USAGE_REPORT": "true"})

    def reported(self, program, finished, load):
        metrics = the_json(finished.stdout)["metrics"]
        times = metrics["http_req_duration"]["values"]
        dropped = metrics.get("dropped_iterations", {"values": {"count": 0}})["values"]["count"]
        failed = metrics["http_req_failed"]["values"]["passes"]
        return Reported(int(metrics["http_reqs"]["values"]["count"]), int(failed + dropped),
                        times["med"] * 1e3, times["p(99)"] * 1e3, times["p(99.9)"] * 1e3,
                        times["max"] * 1e3)
