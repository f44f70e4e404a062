"""Makes one trial: server up, tool run, everything counted, server down."""

from dataclasses import dataclass
import contextlib
import datetime
import shutil

from measure import arrivals, child, machine, servers
from measure.rows import Row
from tools.tool import Load, Unreadable

# A tool that is not done so long after its time hangs.
_GRACE_S = 30


@dataclass(frozen=True)
class Bench:
    """Where trials are made: programs by name, cores, a folder that may be written to."""

    programs: dict
    tools: dict
    server_core: int
    generator_core: int
    folder: object
    credentials: object
    nginx: object


def _served(before, after, protocol):
    if protocol == "mtls":
        return after.connections - before.connections
    return after.requests - before.requests


def _load(bench, trial, url, folder):
    cell = trial.cell
    return Load(
        url=url, protocol=cell.protocol, duration_s=trial.duration_s,
        connections=cell.connections, rate=cell.rate, streams=cell.streams,
        credentials=bench.credentials if url.startswith("https") else None, folder=folder,
        detail=cell.table == "fidelity")


def _run_tool(bench, trial, url, folder, row):
    """Runs the tool and writes into the row what it cost and what it says."""
    tool = bench.tools[trial.tool]
    program = bench.programs[trial.tool]
    load = _load(bench, trial, url, folder)
    cores = (bench.server_core, bench.generator_core)
    before = machine.steal_ticks(cores)
    try:
        done = child.run(tool.command(program, load), bench.generator_core, folder,
                         trial.duration_s + _GRACE_S)
    except child.TooLong:
        row.note = f"not done {_GRACE_S} s after its time, ended"
        return
    row.steal_percent = machine.steal_percent(
        before, machine.steal_ticks(cores), cores, done.wall_s)
    row.wall_s, row.cpu_s, row.max_rss_kib = done.wall_s, done.cpu_s, done.max_rss_kib
    if done.status not in tool.statuses:
        wrote = " ".join((done.stderr or done.stdout).split())
        row.note = f"exit status {done.status}: {wrote[-200:]}"
        return
    try:
        said = tool.reported(program, done, load)
    except (Unreadable, KeyError, TypeError, OSError) as error:
        row.note = f"its output was not understood: {type(error).__name__}: {error}"[:200]
        return
    row.reported, row.failed = said.requests, said.failed
    row.p50_us, row.p99_us = said.p50_us, said.p99_us
    row.p999_us, row.max_us = said.p999_us, said.max_us
    row.remark = said.remark


def _row(trial, position):
    cell = trial.cell
    now = datetime.datetime.now(datetime.timezone.utc)
    return Row(
        table=cell.table, cell=cell.name, tool=trial.tool, repetition=trial.repetition,
        position=position, started=now.isoformat(timespec="seconds"), server=cell.server,
        protocol=cell.protocol, connections=cell.connections, streams=cell.streams,
        rate=cell.rate, duration_s=trial.duration_s,
        planted=str(cell.planted) if cell.planted else "")


def make(bench, trial, position):
    """Makes the trial and returns its row; a tool that fails is a row with a note."""
    row = _row(trial, position)
    if trial.cell.share and not trial.cell.rate:
        row.note = (f"{trial.cell.share.table}: {trial.cell.share.cell}, of which its rate is a "
                    "share, was not measured")
        return row
    folder = bench.folder / "trial"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if trial.cell.server == "nginx":
        before = bench.nginx.counts()
        _run_tool(bench, trial, bench.nginx.url(trial.cell.protocol), folder, row)
        # Asking is itself a connection and a request.
        row.served = _served(before, bench.nginx.counts(), trial.cell.protocol) - 1
        return row
    with servers.origin(bench.programs["loadgen"], trial.cell.serve_options(),
                        bench.server_core, folder) as origin:
        _run_tool(bench, trial, origin.url(trial.cell.protocol), folder, row)
    stamps = servers.stamps(folder)
    row.served = len(stamps)
    if trial.cell.rate and not trial.cell.planted:
        _judge(row, arrivals.precision(stamps, trial.cell.rate))
    return row


def _judge(row, precision):
    if precision is None:
        row.note = row.note or f"fewer than {arrivals.FEWEST} arrivals to judge from"
        return
    row.deviation_p50_us = precision.deviation_p50_us
    row.deviation_p99_us = precision.deviation_p99_us
    row.burst = precision.burst


@contextlib.contextmanager
def nginx_if_needed(program, trials, credentials, core, folder):
    """nginx for all trials that want it; nothing when none does."""
    if not any(one.cell.server == "nginx" for one in trials):
        yield None
        return
    home = folder / "nginx"
    home.mkdir()
    with servers.nginx(program, credentials, core, home) as running:
        yield running
