"""Children run where they are told, are waited for, and end."""

import os
from pathlib import Path
import sys
import tempfile
import unittest

from measure import child
from tools.tool import Command

CORE = min(os.sched_getaffinity(0))


def run(script, stdin="", limit_s=60, env=None):
    with tempfile.TemporaryDirectory() as folder:
        command = Command([sys.executable, "-c", script], stdin=stdin, env=env or {})
        return child.run(command, CORE, Path(folder), limit_s)


class Run(unittest.TestCase):
    def test_a_child_is_on_its_core_and_its_output_comes_back(self):
        done = run("import os,sys; print(os.sched_getaffinity(0), sys.stdin.read());"
                   "print(os.environ['WORD'], file=sys.stderr); sys.exit(3)",
                   stdin="asked", env={"WORD": "said"})
        self.assertEqual(done.stdout, f"{{{CORE}}} asked\n")
        self.assertEqual(done.stderr, "said\n")
        self.assertEqual(done.status, 3)

    def test_the_cpu_time_of_its_own_children_counts(self):
        spin = "while time.process_time() < 0.2: pass"
        done = run("import subprocess,sys;"
                   f"subprocess.run([sys.executable, '-c', 'import time\\n{spin}'], check=True)")
        self.assertGreaterEqual(done.cpu_s, 0.2)

    def test_a_child_that_hangs_is_ended(self):
        with self.assertRaises(child.TooLong):
            run("import signal; signal.pause()", limit_s=0.2)

    def test_a_server_ends_with_its_block(self):
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "log"
            with child.running([sys.executable, "-c", "import signal; signal.pause()"], CORE,
                               log) as server:
                self.assertIsNone(server.poll())
            self.assertIsNotNone(server.poll())


if __name__ == "__main__":
    unittest.main()
