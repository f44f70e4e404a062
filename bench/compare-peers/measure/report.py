"""RESULTS.md: the tables with what they were made from. Makes no trial and reads no file."""

from measure import plan, tables

_SECTIONS = {
    "precision": ("Precision: a fixed rate over 50 connections", tables.precision),
    "cost": ("Cost: closed loop, HTTP/1.1 keep-alive", tables.cost),
    "sustained": ("Sustained: an open loop close to capacity", tables.sustained),
    "tls": ("TLS and HTTP/2: closed loop against nginx", tables.tls),
    "fidelity": ("Fidelity: planted delays at 1000/s", tables.fidelity),
    "soak": ("Soak", tables.soak),
}

# Above this, the hypervisor was busy with others during a trial.
_STEAL_PERCENT = 5


def render(settings, rows):
    """The whole document."""
    parts = ["# Load generators side by side", _provenance(settings)]
    for table in plan.TABLES:
        if any(row.table == table for row in rows):
            title, make = _SECTIONS[table]
            parts += [f"## {title}", *make(rows)]
    parts += ["## What was not measured, and what was odd", _oddities(settings, rows)]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _provenance(settings):
    versions = [f"{name} {version}" for name, version in settings["versions"].items()]
    quick = (" **A quick run: short and made once. Its figures show that everything works and "
             "are not to be quoted.**" if settings["quick"] else "")
    commands = "\n".join(f"    {command}" for command in settings["commands"])
    return (
        f"Made {settings['started']} at commit {settings['commit']} by\n\n{commands}\n\n"
        f"on {settings['machine']}; servers on core {settings['server_core']}, generators on "
        f"core {settings['generator_core']}, loopback, seed {settings['seed']}.{quick}\n\n"
        f"{'; '.join(versions)}.\n\n"
        "Ratios within this run carry over to other machines, absolute figures do not. "
        "[README.md](README.md) says how each figure is defined; the rows are in "
        "[results/rows.csv](results/rows.csv).")


def _oddities(settings, rows):
    lines = [f"- not measured: {name}: {why}" for name, why in settings["missing"].items()]
    lines += [f"- no figures: {row.tool}, {row.cell}, repetition {row.repetition}: "
              f"{_one_line(row.note)}" for row in rows if row.note]
    lines += [f"- {row.tool}, {row.cell}, repetition {row.repetition} calls itself {row.remark}"
              for row in rows if row.remark]
    lines += [f"- {row.tool}, {row.cell}, repetition {row.repetition}: it says {row.reported} "
              f"completed, the server says {row.served}" for row in rows if _books_off(row)]
    lines += [f"- {text}" for text in _failures(rows)]
    stolen = [row for row in rows if (row.steal_percent or 0) > _STEAL_PERCENT]
    lines.append(f"- {len(stolen)} of {len(rows)} trials lost more than {_STEAL_PERCENT} % of "
                 "the two cores to the hypervisor")
    return "\n".join(lines)


def _one_line(text):
    return " ".join(text.split())


def _books_off(row):
    """More apart than what can be in flight at either end, and than one percent."""
    if row.note or row.reported is None or not row.served:
        return False
    allowed = 2 * row.connections * row.streams + row.served / 100
    # wrk2 sends warm-up requests that it counts; Fortio one for each connection, which it does not.
    return abs(row.reported - row.served) > allowed


def _failures(rows):
    failed = {}
    for row in rows:
        if not row.note and row.failed:
            failed.setdefault((row.tool, row.table, row.cell), []).append(row.failed)
    return [f"{tool}, {cell}: {', '.join(map(str, counts))} failed or dropped"
            for (tool, _, cell), counts in failed.items()]
