"""Child processes on a core of their own, with what they cost.

Knows no tool and no server. Every child is waited for, and ends when this program does.
"""

from dataclasses import dataclass
import contextlib
import ctypes
import os
import signal
import subprocess
import time

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Finished:
    """How a child ended. CPU time is its own and that of its children, user and system."""

    status: int
    stdout: str
    stderr: str
    wall_s: float
    cpu_s: float
    max_rss_kib: int


class TooLong(Exception):
    """A child did not end in the time that it was given."""


def _settle_in(core):
    def before_exec():
        os.sched_setaffinity(0, {core})
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    return before_exec


def _ring(_signal, _frame):
    raise TooLong


def run(command, core, folder, limit_s):
    """Runs a command to its end on a core. Raises TooLong when it outlives the limit.

    The wait is one blocking call: polling would take time from the server's core. Output goes
    to files for the same reason.
    """
    with open(folder / "stdin", "w+", encoding="utf-8") as stdin, \
            open(folder / "stdout", "w+b") as stdout, open(folder / "stderr", "w+b") as stderr:
        stdin.write(command.stdin)
        stdin.seek(0)
        started = time.monotonic()
        child = subprocess.Popen(
            command.argv, stdin=stdin, stdout=stdout, stderr=stderr, cwd=folder,
            env={**os.environ, **command.env}, preexec_fn=_settle_in(core))
        before = signal.signal(signal.SIGALRM, _ring)
        try:
            signal.setitimer(signal.ITIMER_REAL, limit_s)
            _, status, usage = os.wait4(child.pid, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
        except BaseException:
            signal.setitimer(signal.ITIMER_REAL, 0)
            child.kill()
            child.wait()
            raise
        finally:
            signal.signal(signal.SIGALRM, before)
        wall_s = time.monotonic() - started
        # Popen did not see the end that wait4 collected.
        child.returncode = os.waitstatus_to_exitcode(status)
        stdout.seek(0)
        stderr.seek(0)
        return Finished(
            status=child.returncode,
            stdout=stdout.read().decode(errors="replace"),
            stderr=stderr.read().decode(errors="replace"),
            wall_s=wall_s,
            cpu_s=usage.ru_utime + usage.ru_stime,
            max_rss_kib=usage.ru_maxrss,
        )


@contextlib.contextmanager
def running(argv, core, log):
    """A server for as long as the block lasts; asked to end, then made to."""
    with open(log, "wb") as out:
        child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, preexec_fn=_settle_in(core))
        try:
            yield child
        finally:
            child.terminate()
            try:
                child.wait(timeout=5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
