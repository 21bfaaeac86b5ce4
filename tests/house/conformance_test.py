#!/usr/bin/env python3
"""The conformance check reads the specification item by item, and looks before it believes."""

import tempfile
import unittest
from pathlib import Path

import house
import check_conformance

MODULES = """# Capture Engine Module Architecture

## Core Modules and Responsibilities

### buffer

Manages memory.

- Provides buffers to `capture`

### protocol

Handles analysis at two levels:

- headers: Quick parsing

- Provides header analysis to `filter`

## Key Interactions

1. Packet Flow:

   ```mermaid
   graph LR
   interface --> capture --> output

2. State Management:

   ```mermaid
    graph LR
   control -> state -> [all modules] (pressure)
   ```

## Cross-Cutting Concerns

- Telemetry
"""

SEQUENCE = """# Packet Capture Sequence Diagram

```mermaid
sequenceDiagram
    participant Input as Network Input
    Note over Input,Monitor: Core

    loop Active Processing
        Input->>Buffer: Request buffer
        alt Buffer available
            Buffer-->>Input: Buffer granted
        else Pressure
            Buffer->>State: Signal pressure
        end
    end
```
"""

ITEMS = [
    ("module.buffer.1", "Manages memory."),
    ("module.buffer.2", "Provides buffers to `capture`"),
    ("module.protocol.1", "Handles analysis at two levels:"),
    ("module.protocol.2", "headers: Quick parsing"),
    ("module.protocol.3", "Provides header analysis to `filter`"),
    ("flow.1.1", "interface → capture"),
    ("flow.1.2", "capture → output"),
    ("flow.2.1", "control → state (pressure)"),
    ("flow.2.2", "state → [all modules] (pressure)"),
    ("concern.1", "Telemetry"),
    ("sequence.01", "Note over Input,Monitor: Core"),
    ("sequence.02", "loop Active Processing"),
    ("sequence.03", "Input → Buffer: Request buffer"),
    ("sequence.04", "alt Buffer available"),
    ("sequence.05", "Buffer ⇢ Input: Buffer granted"),
    ("sequence.06", "else Pressure"),
    ("sequence.07", "Buffer → State: Signal pressure"),
]


def row(item, code="", test="", state="not yet"):
    return f"| {item[0]} | {item[1]} | {code} | {test} | {state} |\n"


class ConformanceTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name) / "clone"
        self.spec = Path(folder.name) / "shared" / "spec"
        house.write(self.spec, "000_a.txt", MODULES)
        house.write(self.spec, "004_b.txt", SEQUENCE)
        self.write_items(ITEMS)
        house.write(self.root, "src/buffer/pool.cc", "void Pool::acquire() {}\n")
        house.write(self.root, "tests/buffer/pool_test.cc", "TEST_F(Pool, Lends) {\n}\n")
        house.write(self.root, "tests/house/CMakeLists.txt", "house_check(House.Layers x.py)\n")
        self.write_rows(row(item) for item in ITEMS)

    def write_items(self, items):
        text = "# the items\n" + "".join(f"{name} {words}\n" for name, words in items)
        house.write(self.root, check_conformance.ITEMS, text)

    def write_rows(self, rows):
        house.write(self.root, check_conformance.DOCUMENT, "# Conformance\n\n" + "".join(rows))

    def findings(self):
        return check_conformance.check(self.root, self.spec)

    def with_first_row(self, **cells):
        self.write_rows([row(ITEMS[0], **cells)] + [row(item) for item in ITEMS[1:]])
        return self.findings()

    def assert_one(self, findings, part):
        self.assertEqual(len(findings), 1, findings)
        self.assertIn(part, findings[0])

    def test_every_bullet_arrow_and_branch_is_an_item(self):
        self.assertEqual(check_conformance.spec_items(self.spec), ITEMS)

    def test_one_row_an_item_is_clean(self):
        self.assertEqual(self.findings(), [])

    def test_a_missing_row_is_found(self):
        self.write_rows(row(item) for item in ITEMS[:-1])
        self.assert_one(self.findings(), "sequence.07 has no row")

    def test_a_second_row_is_found(self):
        self.write_rows(row(item) for item in [*ITEMS, ITEMS[0]])
        self.assert_one(self.findings(), "has two rows")

    def test_a_row_of_its_own_invention_is_found(self):
        self.write_rows(row(item) for item in [*ITEMS, ("concern.2", "Beauty")])
        self.assert_one(self.findings(), "no item of the specification")

    def test_a_text_that_says_something_else_is_found(self):
        self.write_rows(row(item) for item in [(ITEMS[0][0], "Manages."), *ITEMS[1:]])
        self.assert_one(self.findings(), "text differs")

    def test_a_list_that_is_not_the_specification_is_found(self):
        self.write_items(ITEMS[:-1])
        self.write_rows(row(item) for item in ITEMS[:-1])
        self.assert_one(self.findings(), "not what the specification says")

    def test_without_the_specification_the_list_stands_for_it(self):
        self.spec = self.root / "absent"
        self.assertEqual(self.findings(), [])
        self.write_rows(row(item) for item in ITEMS[1:])
        self.assert_one(self.findings(), "has no row")

    def test_a_done_row_names_code_symbol_and_test_that_exist(self):
        for code in ("`src/buffer/pool.cc`", "`src/buffer/pool.cc:acquire`"):
            for test in ("`Pool.Lends`", "`House.Layers`", "`Pool.Lends`, `House.Layers`"):
                self.assertEqual(self.with_first_row(code=code, test=test, state="done"), [])

    def test_a_file_that_does_not_exist_is_found(self):
        self.assert_one(
            self.with_first_row(code="`src/buffer/gone.cc`", test="`Pool.Lends`", state="done"),
            "no file src/buffer/gone.cc",
        )

    def test_a_symbol_that_does_not_exist_is_found(self):
        self.assert_one(
            self.with_first_row(code="`src/buffer/pool.cc:put`", test="`Pool.Lends`", state="done"),
            "does not mention put",
        )

    def test_a_test_that_does_not_exist_is_found(self):
        self.assert_one(
            self.with_first_row(code="`src/buffer/pool.cc`", test="`Pool.Gives`", state="done"),
            "no test Pool.Gives",
        )

    def test_done_without_a_test_is_found(self):
        self.assert_one(
            self.with_first_row(code="`src/buffer/pool.cc`", state="done"), "no code or no test"
        )

    def test_not_yet_names_nothing(self):
        self.assert_one(self.with_first_row(code="`src/buffer/pool.cc`"), "not yet, but")

    def test_there_is_no_third_state(self):
        self.assert_one(self.with_first_row(state="mostly"), "state 'mostly'")


if __name__ == "__main__":
    unittest.main()
