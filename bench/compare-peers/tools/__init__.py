"""Every load generator that is compared, by name. One file each says how it is started and read."""

from tools.fortio import Fortio
from tools.h2load import H2load
from tools.hey import Hey
from tools.k6 import K6
from tools.loadgen import Loadgen
from tools.oha import Oha
from tools.rewrk import Rewrk
from tools.s_time import STime
from tools.vegeta import Vegeta
from tools.wrk import Wrk, Wrk2

_TOOLS = (
    Loadgen("loadgen"),
    Loadgen("loadgen-spin", pacing="spin"),
    Wrk("wrk"),
    Wrk2("wrk2"),
    Oha("oha"),
    Oha("oha-corrected", correction=True),
    H2load("h2load"),
    Rewrk("rewrk"),
    Hey("hey"),
    Vegeta("vegeta"),
    Vegeta("vegeta-uncapped", capped=False),
    Fortio("fortio"),
    K6("k6"),
    K6("k6-uncapped", capped=False),
    STime("s_time"),
    STime("s_time-www", page=True),
)

TOOLS = {tool.name: tool for tool in _TOOLS}
