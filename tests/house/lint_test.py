#!/usr/bin/env python3
"""Each rule of the lint finds what it bans, and passes what resembles it."""

import tempfile
import unittest
from pathlib import Path

import house
import lint
from rules import RULES

# rule, file, a line that is banned there
BANNED = [
    ("os-clock", "src/capture/a.cc", "clock_gettime(CLOCK_REALTIME, &now);"),
    ("os-clock", "src/app/a.cc", "auto now = std::chrono::steady_clock::now();"),
    ("os-clock", "tests/base/a.cc", "const auto seed = time(nullptr);"),
    ("os-clock", "src/app/a.cc", "gettimeofday(&tv, nullptr);"),
    ("random", "src/output/a.cc", "int x = rand();"),
    ("random", "tests/output/a.cc", "std::random_device device;"),
    ("random", "tests/output/a.cc", "std::mt19937_64 engine(7);"),
    ("sleep", "tests/capture/a.cc", "std::this_thread::sleep_for(1ms);"),
    ("sleep", "src/capture/a.cc", "usleep(10);"),
    ("sleep", "src/capture/a.cc", "::sleep(1);"),
    ("sleep", "tests/live/run.sh", "sleep 2"),
    ("sleep", "tests/live/a.py", "time" ".sleep(1)"),
    ("data-path-type", "src/buffer/a.h", "std::shared_ptr<Block> block_;"),
    ("data-path-type", "src/protocol/headers/a.cc", "std::function<void()> f;"),
    ("data-path-type", "src/filter/a.h", "std::unordered_map<int, int> m_;"),
    ("volatile", "src/app/a.cc", "volatile bool stop = false;"),
    ("reinterpret-cast", "src/interface/a.cc", "auto* p = reinterpret_cast<char*>(q);"),
    ("using-namespace", "src/app/a.h", "using namespace std::literals;"),
    ("anonymous-namespace", "src/app/a.h", "namespace {"),
    ("system-header", "src/interface/a.h", "#include <linux/if_packet.h>"),
    ("system-header", "src/filter/a.h", "#include <pcap/pcap.h>"),
    ("heavy-header", "src/app/a.cc", "#include <CLI/CLI.hpp>"),
    ("heavy-header", "src/output/a.cc", "#include <nlohmann/json.hpp>"),
    ("heavy-header", "tests/app/a.cc", "#include <tl/expected.hpp>"),
    ("test-skip", "tests/app/a_test.cc", "GTEST_SKIP() << why;"),
    ("test-skip", "tests/app/a_test.cc", "TEST(Read, DISABLED_Copies) {"),
    ("test-switch", "src/app/a.cc", "if (config.testing) return;"),
    ("test-switch", "src/app/a.cc", "if (is_test_mode) return;"),
    ("columns", "src/app/a.cc", "// " + "x" * 98),
    ("tab", "src/app/a.cc", "\tint x;"),
    ("trailing-blank", "docs/a.md", "a line \n"),
    ("marker", "docs/a.md", "TO" "DO: write this"),
    ("marker", "src/app/a.cc", "// FIX" "ME"),
]

# file, a line that is allowed there
ALLOWED = [
    ("src/base/a.cc", "batch.time(0); packet.time(&x);"),
    ("src/base/a.cc", "Timestamp time(int x);"),
    ("src/base/a.cc", "// clock_gettime(CLOCK_REALTIME, &now) stands in clock.cc"),
    ("src/base/a.cc", 'log("rand() is not used; sleep(1) neither");'),
    ("src/base/a.cc", "operand(x); prng.random(3);"),
    ("tools/traffic/a.h", "Buffer& random(Prng& prng, std::size_t count);"),
    ("src/app/a.cc", "std::shared_ptr<int> p; std::function<void()> f;"),
    ("src/app/a.cc", "using namespace std::literals;"),
    ("src/app/a.cc", "namespace {"),
    ("src/interface/a.cc", "#include <linux/if_packet.h>"),
    ("src/interface/a.h", "// #include <linux/if_packet.h>"),
    ("tests/app/a.cc", "#include <nlohmann/json.hpp>"),
    ("src/app/a.cc", "if (latest) return; if (contesting) return;"),
    ("src/app/a.cc", '"/tmp/fileXXXXXX"'),
    ("src/app/a.cc", "const std::uint64_t million = 1'000'000; // it's"),
    ("docs/a.md", "| " + "x" * 200 + " |"),
]


class LintTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = Path(self.folder.name)
        self.write("tools/lint/exceptions.toml", "")

    def write(self, name, text):
        house.write(self.root, name, text)

    def write_line(self, name, line):
        """One line in a file that is otherwise clean."""
        head = "#pragma once\n" if name.endswith(".h") else "\n"
        self.write(name, f"{head}{line}\n")

    def findings(self):
        return lint.check(self.root).findings

    def test_what_is_banned_is_found_where_it_stands(self):
        for rule, name, line in BANNED:
            with self.subTest(rule=rule, line=line):
                self.write_line(name, line)
                findings = self.findings()
                self.assertEqual(len(findings), 1, findings)
                self.assertTrue(findings[0].startswith(f"{name}:2: [{rule}] "), findings)
                (self.root / name).unlink()

    def test_every_rule_is_shown_here(self):
        self.assertLessEqual({rule.name for rule in RULES}, {rule for rule, _, _ in BANNED})

    def test_what_resembles_it_passes(self):
        for name, line in ALLOWED:
            with self.subTest(line=line):
                self.write_line(name, line)
                self.assertEqual(self.findings(), [])
                (self.root / name).unlink()

    def test_a_listed_file_is_excused_from_its_rule_only(self):
        self.write("tools/lint/exceptions.toml", '[volatile]\n"src/app/a.cc" = "reason"\n')
        self.write("src/app/a.cc", "volatile int x;\nusleep(1);\n")
        findings = self.findings()
        self.assertEqual(len(findings), 1, findings)
        self.assertIn("[sleep]", findings[0])

    def test_an_exception_without_use_is_a_warning(self):
        self.write("tools/lint/exceptions.toml", '[volatile]\n"src/app/gone.cc" = "reason"\n')
        report = lint.check(self.root)
        self.assertEqual(report.findings, [])
        self.assertEqual(len(report.warnings), 1)

    def test_an_exception_to_an_unknown_rule_is_found(self):
        self.write("tools/lint/exceptions.toml", '[volatil]\n"src/app/a.cc" = "reason"\n')
        self.assertEqual(len(self.findings()), 1)

    def test_a_heavy_library_stays_in_three_files(self):
        rows = "".join(f'"src/app/{i}.cc" = "CLI11: options"\n' for i in range(4))
        self.write("tools/lint/exceptions.toml", f"[heavy-header]\n{rows}")
        self.assertIn("CLI11 stands in 4 files", self.findings()[0])

    def test_a_header_needs_pragma_once(self):
        self.write("src/app/a.h", "// #pragma once\nint f();\n")
        self.assertEqual(len(self.findings()), 1)
        self.assertIn("[pragma-once]", self.findings()[0])

    def test_a_file_ends_with_a_newline(self):
        self.write("src/app/a.cc", "int x;")
        self.assertIn("[newline]", self.findings()[0])

    def test_a_long_function_is_a_warning(self):
        body = "  x();\n" * 120
        for head in ("void f() {", "Step F::f(int a,\n          int b) const {"):
            self.write("src/app/a.cc", f"namespace weir {{\n\n{head}\n{body}}}\n\n}}\n")
            report = lint.check(self.root)
            self.assertEqual(report.findings, [])
            self.assertEqual(len(report.warnings), 1, report.warnings)
            self.assertIn("src/app/a.cc:3: [function-length]", report.warnings[0])

    def test_a_long_class_of_short_functions_is_none(self):
        body = "  void f() {\n    if (x) {\n      y();\n    }\n  }\n" * 30
        self.write("src/app/a.cc", f"class A final : public B {{\n{body}}};\n")
        self.assertEqual(lint.check(self.root).warnings, [])

    def test_raw_strings_and_block_comments_are_blanked(self):
        text = 'auto s = R"x(volatile " usleep(1))x";\n/* rand()\n rand() */ volatile int y;\n'
        blanked = lint.blank_literals(text).split("\n")
        self.assertNotIn("usleep", blanked[0])
        self.assertNotIn("rand", blanked[1] + blanked[2])
        self.assertIn("volatile int y;", blanked[2])


if __name__ == "__main__":
    unittest.main()
