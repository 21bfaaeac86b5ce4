#!/usr/bin/env python3
"""scripts/run-tests: a skip is a failure under CI with the data set at hand; root is had or made.

ctest, id and unshare are small scripts in front of the real ones on the path.
"""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import house

SUMMARY = "100% tests passed, 0 tests failed out of 2"


class RunTestsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.clone = Path(folder.name) / "clone"
        self.data = Path(folder.name) / "shared" / "data"
        (self.clone / "scripts").mkdir(parents=True)
        shutil.copy(house.ROOT / "scripts" / "run-tests", self.clone / "scripts")
        self.log = Path(folder.name) / "log"
        self.program("id", "echo 0")
        self.ctest("Passed")

    def program(self, name, body):
        path = house.write(self.clone, f"bin/{name}", f"#!/bin/bash\n{body}\n")
        path.chmod(0o755)

    def ctest(self, outcome, status=0, root_tests=1):
        """A ctest with one test of this outcome; `ctest -N` lists `root_tests`."""
        self.program(
            "ctest",
            f'echo ctest "$@" >>"{self.log}"\n'
            f'case " $* " in *" -N "*) echo "Total Tests: {root_tests}"; exit 0 ;; esac\n'
            f'echo "1/2 Test #1: A.B ......{outcome} 0.01 sec"\necho "{SUMMARY}"\nexit {status}',
        )

    def run_script(self, ci="", *options):
        env = dict(os.environ, PATH=f"{self.clone}/bin:{os.environ['PATH']}", CI=ci)
        command = [self.clone / "scripts" / "run-tests", "build/asan", *options]
        return subprocess.run(command, env=env, capture_output=True, text=True)

    def test_the_closing_line_of_ctest_comes_last(self):
        result = self.run_script("true")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout.splitlines()[-1], SUMMARY)

    def test_a_failed_test_fails(self):
        self.ctest("***Failed", status=8)
        self.assertEqual(self.run_script().returncode, 1)

    def test_no_tests_at_all_are_a_failure(self):
        self.run_script()
        self.assertIn("--no-tests=error", self.log.read_text())

    def test_a_skip_fails_under_ci_where_the_data_are(self):
        self.ctest("***Skipped")
        self.data.mkdir(parents=True)
        result = self.run_script("true")
        self.assertEqual(result.returncode, 1)
        self.assertIn("A.B", result.stderr)

    def test_a_skip_passes_without_ci_or_without_the_data(self):
        self.ctest("***Skipped")
        self.assertEqual(self.run_script("true").returncode, 0)
        self.data.mkdir(parents=True)
        self.assertEqual(self.run_script().returncode, 0)

    def test_options_reach_ctest(self):
        self.run_script("", "-R", "Pcapng")
        self.assertIn("-R Pcapng", self.log.read_text())

    def test_who_is_not_root_runs_root_tests_in_a_user_namespace_first(self):
        self.program("id", "echo 1000")
        self.program(
            "unshare",
            f'echo unshare "$@" >>"{self.log}"\nwhile [[ $1 == -* ]]; do shift; done\n"$@"',
        )
        self.assertEqual(self.run_script().returncode, 0)
        calls = [line for line in self.log.read_text().splitlines() if " -N " not in line]
        own = [line for line in calls if line.startswith("unshare") and "-L ^root$" in line]
        self.assertEqual(len(own), 1, calls)
        self.assertIn("-LE ^root$", calls[-1])

    def test_without_user_namespaces_the_rest_runs_and_ci_fails(self):
        self.program("id", "echo 1000")
        self.program("unshare", "exit 1")
        self.assertEqual(self.run_script().returncode, 0)
        self.assertIn("label root", self.run_script().stderr)
        self.assertEqual(self.run_script("true").returncode, 1)


if __name__ == "__main__":
    unittest.main()
