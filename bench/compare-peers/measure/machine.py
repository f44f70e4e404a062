"""What the machine is, and what it lost to others meanwhile. Reads /proc only."""

import os
import platform


def _read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def describe():
    """One line: processor, cores, kernel, whether it is a virtual machine."""
    info = _read("/proc/cpuinfo")
    model = next((line.split(":", 1)[1].strip() for line in info.splitlines()
                  if line.startswith("model name")), platform.machine())
    virtual = ", virtual machine" if " hypervisor" in info else ""
    return f"{model}, {os.cpu_count()} cores{virtual}, Linux {platform.release()}"


def steal_ticks(cores):
    """Clock ticks that a hypervisor took from these cores since the start."""
    wanted = {f"cpu{core}" for core in cores}
    rows = (line.split() for line in _read("/proc/stat").splitlines())
    return sum(int(row[8]) for row in rows if row and row[0] in wanted)


def steal_percent(before, after, cores, wall_s):
    """The share of these cores' time between two readings that was taken."""
    ticks = os.sysconf("SC_CLK_TCK") * wall_s * len(cores)
    return 100 * (after - before) / ticks
