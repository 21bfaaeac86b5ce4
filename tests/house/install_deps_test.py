#!/usr/bin/env python3
"""scripts/install-deps: leaves a complete machine alone, and asks apt for exactly what is missing.

dpkg-query, apt-get, sudo and id are small scripts in front of the real ones on the path.
"""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import house

SCRIPT = house.ROOT / "scripts" / "install-deps"
POLICY = "/usr/sbin/policy-rc.d"


class InstallDepsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.log = self.root / "log"
        self.machine(installed=".*", user=0)
        # One argument a line, one call a paragraph.
        self.program("apt-get", f'{{ printf "%s\\n" apt-get "$@"; echo; }} >>"{self.log}"')
        self.program("sudo", f'echo sudo >>"{self.log}"; exec "$@"')

    def program(self, name, body):
        path = house.write(self.root, f"bin/{name}", f"#!/bin/bash\n{body}\n")
        path.chmod(0o755)

    def machine(self, installed, user):
        """Packages that match `installed` are there; `user` is who runs the script."""
        self.program("dpkg-query", f'[[ ${{!#}} =~ ^({installed})$ ]] && printf "installed "')
        self.program("id", f"echo {user}")

    def run_script(self, *flags):
        env = dict(os.environ, PATH=f"{self.root}/bin:{os.environ['PATH']}")
        return subprocess.run([SCRIPT, *flags], env=env, capture_output=True, text=True)

    def calls(self):
        return self.log.read_text().strip().split("\n\n") if self.log.exists() else []

    def test_a_complete_machine_needs_neither_apt_nor_root(self):
        self.machine(installed=".*", user=1000)
        result = self.run_script("--run", "--test", "--bench")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))
        self.assertEqual(self.calls(), [])

    def test_only_what_is_missing_is_installed(self):
        self.machine(installed="g[+][+]|make|lib.*|nlohmann.*|mold|ninja-build|pkg-config", user=0)
        self.assertEqual(self.run_script().returncode, 0)
        update, install = self.calls()
        self.assertTrue(update.endswith("update"))
        words = install.split("\n")
        missing = {"cmake", "git", "ccache", "zlib1g-dev", "netbase", "clang-16"}
        self.assertEqual(set(words[-len(missing) :]), missing)
        self.assertIn("--no-install-recommends", words)

    def test_the_flags_add_to_the_build(self):
        self.machine(installed="none", user=0)
        self.assertEqual(self.run_script("--run").returncode, 0)
        words = self.calls()[1].split("\n")
        self.assertIn("nginx-light", words)
        self.assertIn("g++", words)
        self.assertNotIn("libgtest-dev", words)

    def test_sudo_serves_apt_alone(self):
        self.machine(installed="none", user=1000)
        self.assertEqual(self.run_script().returncode, 0)
        log = self.log.read_text()
        self.assertEqual(log.count("sudo\n"), 2)
        self.assertEqual(log.count("apt-get\n"), 2)

    def test_a_failed_apt_fails(self):
        self.machine(installed="none", user=0)
        self.program("apt-get", "exit 100")
        self.assertNotEqual(self.run_script().returncode, 0)

    def test_an_unknown_flag_is_usage(self):
        self.assertEqual(self.run_script("--everything").returncode, 2)

    def hooks(self):
        """The two hooks that apt would run, on a policy file of this test."""
        self.machine(installed="none", user=0)
        self.run_script()
        install = self.calls()[1]
        policy = self.root / "policy-rc.d"
        found = {}
        for name in ("Pre-Invoke", "Post-Invoke"):
            start = install.index(f"DPkg::{name}::=") + len(f"DPkg::{name}::=")
            hook = install[start:].split("\n")[0]
            found[name] = hook.replace(POLICY, str(policy))
        return policy, found

    def test_services_are_forbidden_while_packages_are_configured(self):
        policy, hooks = self.hooks()
        subprocess.run(["sh", "-c", hooks["Pre-Invoke"]], check=True)
        self.assertEqual(subprocess.run([policy]).returncode, 101)
        subprocess.run(["sh", "-c", hooks["Post-Invoke"]], check=True)
        self.assertFalse(policy.exists())

    def test_what_a_killed_run_left_is_taken_over(self):
        policy, hooks = self.hooks()
        for _ in range(2):
            subprocess.run(["sh", "-c", hooks["Pre-Invoke"]], check=True)
        subprocess.run(["sh", "-c", hooks["Post-Invoke"]], check=True)
        self.assertFalse(policy.exists())

    def test_the_policy_of_the_machine_is_left_alone(self):
        policy, hooks = self.hooks()
        policy.write_text("#!/bin/sh\nexit 0\n")
        for hook in hooks.values():
            subprocess.run(["sh", "-c", hook], check=True)
        self.assertEqual(policy.read_text(), "#!/bin/sh\nexit 0\n")


if __name__ == "__main__":
    unittest.main()
