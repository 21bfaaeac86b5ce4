#!/usr/bin/env python3
"""The layer check finds what it must, and nothing else."""

import tempfile
import unittest
from pathlib import Path

import house
import check_layers

TABLE = 'layers = [["base"], ["storage"], ["interface", "protocol/deep"], ["app"]]\n'


class LayersTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = Path(self.folder.name)
        self.write("tools/layers.toml", TABLE)
        self.write("docs/architecture.md", "The files of base: `bytes.h`\n")
        self.write("src/base/CMakeLists.txt", "weir_module(base SOURCES bytes.cc)\n")
        self.write("src/base/bytes.h", "#pragma once\n")
        self.write("src/storage/CMakeLists.txt", "weir_module(storage SOURCES disk.cc DEPS base)\n")
        self.write("src/storage/disk.h", '#include <vector>\n\n#include "base/bytes.h"\n')

    def write(self, name, text):
        house.write(self.root, name, text)

    def findings(self):
        return check_layers.check(self.root)

    def assert_one(self, *parts):
        findings = self.findings()
        self.assertEqual(len(findings), 1, findings)
        for part in parts:
            self.assertIn(part, findings[0])

    def test_downward_includes_are_clean(self):
        self.assertEqual(self.findings(), [])

    def test_an_upward_include_is_found(self):
        self.write("src/base/bytes.h", '#pragma once\n#include "storage/disk.h"\n')
        self.assert_one("src/base/bytes.h:2", "base may not include storage")

    def test_modules_of_one_row_do_not_know_each_other(self):
        self.write("src/protocol/deep/flow.h", "#pragma once\n")
        self.write("src/interface/a.cc", '#include "protocol/deep/flow.h"\n')
        self.assert_one("src/interface/a.cc:1", "interface may not include protocol/deep")

    def test_a_comment_is_no_include(self):
        self.write("src/base/bytes.h", '#pragma once\n/*\n#include "storage/disk.h"\n*/\n')
        self.assertEqual(self.findings(), [])

    def test_includes_are_named_from_src(self):
        self.write("src/storage/disk.cc", '#include "disk.h"\n')
        self.assert_one("src/storage/disk.cc:1", "no file under src/")

    def test_our_headers_are_quoted(self):
        self.write("src/storage/disk.cc", "#include <base/bytes.h>\n")
        self.assert_one('#include "base/bytes.h"')

    def test_a_file_outside_the_modules_is_found(self):
        self.write("src/util/strings.h", "#pragma once\n")
        self.assert_one("src/util/strings.h:1", "no module")

    def test_an_upward_dependency_of_a_target_is_found(self):
        self.write("src/base/CMakeLists.txt", "weir_module(base SOURCES bytes.cc DEPS storage)\n")
        self.assert_one("src/base/CMakeLists.txt:1", "base may not link storage")

    def test_an_upward_link_past_weir_module_is_found(self):
        self.write(
            "src/base/CMakeLists.txt",
            "weir_module(base SOURCES bytes.cc)\n"
            "# storage\n"
            "target_link_libraries(weir_base PUBLIC weir_storage)\n",
        )
        self.assert_one("src/base/CMakeLists.txt:3", "base may not link storage")

    def test_an_include_without_a_link_is_found(self):
        self.write("src/storage/CMakeLists.txt", "weir_module(storage SOURCES disk.cc LIBS zstd)\n")
        self.assert_one("storage includes base without linking it")

    def test_links_count_through_other_modules(self):
        self.write("src/app/CMakeLists.txt", "weir_module(app DEPS storage)\n")
        self.write("src/app/main.cc", '#include "base/bytes.h"\n')
        self.assertEqual(self.findings(), [])

    def test_base_is_a_closed_list_of_files(self):
        self.write("src/base/strings.h", "#pragma once\n")
        self.assert_one("src/base/strings.h:1", "closed list")

    def test_an_unknown_dependency_is_found(self):
        self.write("src/storage/CMakeLists.txt", "weir_module(storage DEPS base misc)\n")
        self.assert_one("misc is no module")


if __name__ == "__main__":
    unittest.main()
