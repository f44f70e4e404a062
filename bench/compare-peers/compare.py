#!/usr/bin/env python3
"""Runs load generators side by side on this machine and writes what they can do.

Options, the order of a run and its files. What is measured is in `measure/`, how each tool is
started and read in `tools/`.
"""

import argparse
import contextlib
import datetime
import hashlib
import os
from pathlib import Path
import shlex
import signal
import subprocess
import sys
import tempfile
import time

from measure import conduct, finding, machine, plan, rows, servers
from measure.files import Files, Refused
from tools import TOOLS
from tools.tool import first_line

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent

USAGE, NOT_DONE = 2, 3

_WHERE = {
    "loadgen": "build it: cargo build --release -p loadgen, or say --loadgen PATH",
    "wrk2": "in no package registry; say --wrk2 PATH when you have it",
    "openssl": "Debian's package openssl",
}


def arguments(argv):
    """What the command line says."""
    parser = argparse.ArgumentParser(
        description="Compares load generators side by side on this machine.",
        epilog="Exit: 0 done, 2 cannot begin, 3 trials are left (see --for).")
    parser.add_argument("tables", nargs="*", metavar="TABLE",
                        help=f"any of {', '.join(plan.TABLES)}, all; or report, which writes "
                        "RESULTS.md again from the rows")
    parser.add_argument("--quick", action="store_true", help="under five minutes, once each")
    parser.add_argument("--only", metavar="A,B", help="these tools only")
    parser.add_argument("--seed", type=int, default=1, help="of the order (default 1)")
    parser.add_argument("--out", type=Path, default=HERE, metavar="DIR",
                        help="for RESULTS.md and results/ (default: beside this program)")
    parser.add_argument("--continue", dest="resume", action="store_true",
                        help="keep the rows that DIR has, make those that are left")
    parser.add_argument("--for", dest="limit_s", type=float, metavar="SECONDS",
                        help="begin no trial that would not end in this time")
    parser.add_argument("--cache", type=Path, metavar="DIR",
                        default=Path.home() / ".cache" / "loadgen-peers",
                        help="where get-peers put the tools (default ~/.cache/loadgen-peers)")
    parser.add_argument("--loadgen", type=Path, metavar="PATH",
                        default=REPOSITORY / "target" / "release" / "loadgen",
                        help="default: target/release/loadgen")
    parser.add_argument("--wrk2", type=Path, metavar="PATH")
    parser.add_argument("--server-core", type=int, default=0, metavar="N")
    parser.add_argument("--generator-core", type=int, default=1, metavar="N")
    parser.add_argument("--dry-run", action="store_true", help="what was found, and the plan")
    chosen = parser.parse_args(argv)
    known = (*plan.TABLES, "all", "report")
    wrong = [table for table in chosen.tables if table not in known]
    if wrong or not chosen.tables:
        parser.error(f"expected any of {', '.join(known)}, found {' '.join(wrong) or 'none'}")
    if "all" in chosen.tables:
        chosen.tables = list(plan.TABLES)
    return chosen


def programs(chosen):
    """The path of each tool at hand, and why the others are not."""
    wanted = chosen.only.split(",") if chosen.only else list(TOOLS)
    unknown = [name for name in wanted if name not in TOOLS]
    if unknown:
        raise Refused(f"--only: no tool {', '.join(unknown)}; there are {', '.join(TOOLS)}")
    told = {"wrk2": chosen.wrk2}
    if chosen.loadgen.exists():
        told["loadgen"] = chosen.loadgen
    found, missing = {}, {}
    for name in wanted:
        program = TOOLS[name].program
        path = finding.find(program, chosen.cache, told.get(program))
        if path:
            found[name] = path
        else:
            missing[name] = f"no {program} found ({_WHERE.get(program, 'get-peers installs it')})"
    return found, missing


def _commit():
    def git(*words):
        return subprocess.run(["git", "-C", REPOSITORY, *words], capture_output=True, text=True,
                              check=False).stdout.strip()

    with contextlib.suppress(FileNotFoundError):
        changed = " with changes" if git("status", "--porcelain", "--untracked-files=no") else ""
        return (git("rev-parse", "--short=12", "HEAD") or "unknown") + changed
    return "unknown"


def _version(name, program):
    version = TOOLS[name].version(program)
    if TOOLS[name].program != "loadgen":
        return version
    # Its version says little while it is being worked on.
    digest = hashlib.sha256(Path(program).read_bytes()).hexdigest()[:12]
    return f"{version}, binary {digest}"


def _typed(argv):
    """The command line for the record, without this machine's own paths."""
    shown, is_path = [], False
    for word in argv:
        shown.append("PATH" if is_path else word)
        is_path = word in ("--out", "--cache", "--loadgen", "--wrk2")
    return "bench/compare-peers/" + shlex.join([Path(shown[0]).name, *shown[1:]])


def settings(chosen, found, missing, nginx):
    """What a run was made with; kept beside its rows."""
    versions = {TOOLS[name].program: _version(name, path) for name, path in found.items()}
    if nginx:
        versions["nginx"] = first_line([nginx, "-v"], r"nginx/(\S+)")
    return {
        "commands": [_typed(sys.argv)],
        "started": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": machine.describe(),
        "commit": _commit(),
        "seed": chosen.seed,
        "quick": chosen.quick,
        "server_core": chosen.server_core,
        "generator_core": chosen.generator_core,
        "versions": versions,
        "missing": missing,
    }


def _say(text):
    print(text, file=sys.stderr, flush=True)


def make(chosen, found, nginx, left, files):
    """Makes the trials that are left, as far as the time goes; says how many remain."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="compare-peers-") as name, \
            contextlib.ExitStack() as stack:
        folder = Path(name)
        # nginx's worker gives up its rights, and still wants its folders.
        folder.chmod(0o755)
        credentials = servers.credentials(folder)
        running = stack.enter_context(conduct.nginx_if_needed(
            nginx, left, credentials, chosen.server_core, folder))
        bench = conduct.Bench(found, TOOLS, chosen.server_core, chosen.generator_core, folder,
                              credentials, running)
        for index, trial in enumerate(left):
            spent_s = time.monotonic() - began
            over = chosen.limit_s is not None and spent_s + trial.takes_s > chosen.limit_s
            # The first always runs, or a long one would never.
            if over and index:
                return len(left) - index
            before = rows.read(files.rows)
            row = conduct.make(bench, trial.with_rate(before), len(before) + 1)
            rows.append(files.rows, row)
            _say(f"{index + 1}/{len(left)}  {row.table}: {row.cell}: {row.tool}"
                 + (f": {row.note}" if row.note else ""))
    return 0


def run(chosen):
    """The whole command; its exit status."""
    files = Files(chosen.out)
    if chosen.tables == ["report"]:
        print(files.write_report())
        return 0
    found, missing = programs(chosen)
    settle_s = {name: TOOLS[name].settle_s if not chosen.quick else 0 for name in found}
    planned = plan.trials(chosen.tables, chosen.quick, settle_s, chosen.seed)
    nginx = finding.find("nginx", chosen.cache)
    if "loadgen" not in found and any(one.cell.server == "origin" for one in planned):
        raise Refused(f"loadgen serves in these tables: {missing.get('loadgen', 'name it too')}")
    if not nginx and any(one.cell.server == "nginx" for one in planned):
        raise Refused("no nginx found: get-peers installs it")
    new = settings(chosen, found, missing, nginx)
    minutes = sum(one.takes_s for one in planned) / 60
    _say(f"{len(planned)} trials, about {minutes:.0f} minutes")
    if chosen.dry_run:
        for what in ("versions", "missing"):
            _say("\n".join(f"  {name}: {text}" for name, text in new[what].items()))
        return 0
    files.begin(new, chosen.resume)
    done = {row.key for row in rows.read(files.rows)}
    remain = make(chosen, found, nginx, [one for one in planned if one.key not in done], files)
    print(files.write_report())
    if remain:
        _say(f"{remain} trials are left; the same with --continue makes them")
        return NOT_DONE
    return 0


def main():
    """Ends its children whichever way it ends itself."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    chosen = arguments(sys.argv[1:])
    try:
        # It sleeps while tools run, and must not do its own work on their core.
        os.sched_setaffinity(0, {chosen.server_core})
        return run(chosen)
    except (Refused, FileNotFoundError, servers.NoServer) as error:
        _say(f"compare.py: {error}")
        return USAGE
    except KeyboardInterrupt:
        _say("interrupted; what was measured is kept, --continue makes the rest")
        return 130


if __name__ == "__main__":
    sys.exit(main())
