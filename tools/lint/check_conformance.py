#!/usr/bin/env python3
"""Checks docs/conformance.md: a row for every item of the specification, and no row that lies.

The items are the bullets and arrows of the two documents of the specification.
tests/house/spec_items.txt holds them, one `ID TEXT` a line; where the documents lie beside the
clone (../shared/spec) the list is compared with them, and --list prints it anew.

A row is `| id | text | code | test | state |`. State is `done` or `not yet`. A row that is done
names its code as `src/…/file.cc` or `src/…/file.cc:symbol` and its test as `Suite.Case` (or the
name of a ctest), each in backticks; a row that is not names neither. Exits 1 with findings.
"""

import argparse
import re
import sys
from pathlib import Path

DOCUMENT = "docs/conformance.md"
ITEMS = "tests/house/spec_items.txt"
STATES = {"done", "not yet"}
GTEST = re.compile(r"^(?:TYPED_)?TEST(?:_F|_P)?\s*\(\s*(\w+)\s*,\s*(\w+)\s*\)", re.MULTILINE)
CTEST = re.compile(r"^\s*(?:house_check\(|add_test\(NAME )(\S+)", re.MULTILINE)
ARROW = re.compile(r"^(\w+)(-->>|->>)(\w+): (.*)$")


def module_items(text: str) -> list[tuple[str, str]]:
    """Purpose and bullets of every module, the interactions arrow by arrow, the concerns."""
    items = []
    section = module = ""
    graph = 0
    counts: dict[str, int] = {}

    def add(group: str, words: str) -> None:
        counts[group] = counts.get(group, 0) + 1
        items.append((f"{group}.{counts[group]}", words))

    for line in (raw.strip() for raw in text.splitlines()):
        if line.startswith("### "):
            module = line[4:]
        elif line.startswith("## "):
            section, module = line[3:], ""
        elif section.startswith("Core Modules") and module and line:
            add(f"module.{module}", line.removeprefix("- "))
        elif section.startswith("Key Interactions"):
            heading = re.match(r"(\d+)\. (.*):$", line)
            if heading:
                graph = int(heading.group(1))
            elif re.search(r"\S -+> \S", line):
                words, _, remark = line.partition(" (")
                nodes = re.split(r"\s+-+>\s+", words)
                for start, end in zip(nodes, nodes[1:]):
                    add(f"flow.{graph}", f"{start} → {end}" + (f" ({remark}" if remark else ""))
        elif section.startswith("Cross-Cutting") and line.startswith("- "):
            add("concern", line[2:])
    return items


def sequence_items(text: str) -> list[tuple[str, str]]:
    """Notes, loop, alternatives and arrows of the sequence diagram, in its order."""
    items = []
    for line in (raw.strip() for raw in text.splitlines()):
        arrow = ARROW.match(line)
        if arrow:
            start, kind, end, words = arrow.groups()
            items.append(f"{start} {'⇢' if kind == '-->>' else '→'} {end}: {words}")
        elif re.match(r"(loop|alt|else) ", line) or line.startswith("Note over "):
            items.append(line)
    return [(f"sequence.{number:02}", words) for number, words in enumerate(items, 1)]


def spec_items(folder: Path) -> list[tuple[str, str]]:
    items = []
    for path in sorted(folder.glob("*.txt")):
        text = path.read_text()
        if text.startswith("# Capture Engine Module Architecture"):
            items += module_items(text)
        elif "sequenceDiagram" in text:
            items += sequence_items(text)
    return items


def read_items(path: Path) -> list[tuple[str, str]]:
    lines = path.read_text().splitlines()
    return [tuple(line.split(" ", 1)) for line in lines if line and not line.startswith("#")]


def test_names(root: Path) -> set[str]:
    """Suite.Case of every GoogleTest, and the names of all other ctests."""
    names = set()
    for path in (root / "tests").rglob("*.cc"):
        names.update(".".join(match) for match in GTEST.findall(path.read_text()))
    for path in (root / "tests").rglob("CMakeLists.txt"):
        names.update(CTEST.findall(path.read_text()))
    return names


def rows(text: str) -> list[tuple[int, list[str]]]:
    """Line number and cells of every table row that begins with an id of the specification."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"\| (module|flow|concern|sequence)\.", line):
            found.append((number, [cell.strip() for cell in line.strip().strip("|").split("|")]))
    return found


def check_code(root: Path, name: str) -> str | None:
    path, _, symbol = name.partition(":")
    file = root / path
    if not file.is_file():
        return f"there is no file {path}"
    if symbol and not re.search(rf"\b{re.escape(symbol)}\b", file.read_text()):
        return f"{path} does not mention {symbol}"
    return None


def check_row(root: Path, cells: list[str], tests: set[str]) -> list[str]:
    if len(cells) != 5:
        return [f"{len(cells)} cells (id, text, code, test, state)"]
    _, _, code, test, state = cells
    if state not in STATES:
        return [f"state '{state}' (one of: {', '.join(sorted(STATES))})"]
    if state == "not yet":
        return ["not yet, but names code or a test"] if code or test else []
    findings = []
    codes, shown = re.findall(r"`([^`]+)`", code), re.findall(r"`([^`]+)`", test)
    if not codes or not shown:
        findings.append("done, but names no code or no test")
    findings += [problem for name in codes if (problem := check_code(root, name))]
    findings += [f"there is no test {name}" for name in shown if name not in tests]
    return findings


def check(root: Path, spec: Path) -> list[str]:
    findings = []
    items = read_items(root / ITEMS)
    if spec.is_dir() and spec_items(spec) != items:
        findings.append(f"{ITEMS}:1: is not what the specification says (--list prints that)")
    expected = dict(items)
    tests = test_names(root)
    seen = set()
    for number, cells in rows((root / DOCUMENT).read_text()):
        where = f"{DOCUMENT}:{number}: {cells[0]}"
        if cells[0] in seen:
            findings.append(f"{where}: has two rows")
        seen.add(cells[0])
        if cells[0] not in expected:
            findings.append(f"{where}: is no item of the specification")
        elif len(cells) > 1 and cells[1] != expected[cells[0]]:
            findings.append(f"{where}: text differs (the specification says: {expected[cells[0]]})")
        findings += [f"{where}: {problem}" for problem in check_row(root, cells, tests)]
    for name, words in items:
        if name not in seen:
            findings.append(f"{DOCUMENT}:1: {name} has no row ({words})")
    return findings


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[2])
    parser.add_argument("--list", action="store_true", help="print the items of the specification")
    arguments = parser.parse_args()
    spec = arguments.root.parent / "shared" / "spec"
    if arguments.list:
        for name, words in spec_items(spec):
            print(name, words)
        return 0
    findings = check(arguments.root, spec)
    for finding in findings:
        print(finding)
    if not spec.is_dir():
        print("conformance: no specification beside the clone; compared with the list of its items")
    print(f"conformance: {len(findings)} findings" if findings else "conformance: clean")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
