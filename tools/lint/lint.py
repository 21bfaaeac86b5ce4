#!/usr/bin/env python3
"""The small lint of weir: bans by name what the compiler and clang-tidy let pass.

Prints one line a finding, `FILE:LINE: [rule] what (what to write instead)`, and exits 1 when there
is one. Warnings do not count. rules.py has the rules, exceptions.toml the files where one does not
hold.
"""

import argparse
import os
import re
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from rules import CODE, HEADERS, HEAVY_FILES_MAX, RULES

COLUMNS_MAX = 100
FUNCTION_LINES_MAX = 100
SKIPPED_FOLDERS = {".git", "build", "out", "corpus", "__pycache__", ".cache"}
TEXT_SUFFIXES = CODE + (".py", ".sh", ".md", ".toml", ".cmake", ".txt", ".json", ".yml", ".yaml")
TEXT_NAMES = {"Makefile", "run", "install-deps", ".clang-format", ".clang-tidy", ".gitignore"}
# Prose, tables and shell may be wider.
NARROW_SUFFIXES = CODE + (".py",)
NO_FUNCTION = {"namespace", "class", "struct", "enum", "union", "extern"}
MARKER_WORDS = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
LITERAL = re.compile(
    r"//[^\n]*|/\*.*?\*/|R\"(?P<delimiter>[^()\\\s]*)\(.*?\)(?P=delimiter)\""
    r"|\"(?:\\.|[^\"\\\n])*\"|(?<![\w])'(?:\\.|[^'\\\n])+'",
    re.DOTALL,
)


@dataclass
class Report:
    findings: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class Exceptions:
    def __init__(self, table: dict[str, dict[str, str]]):
        self.table = table
        self.used: set[tuple[str, str]] = set()

    def excuses(self, rule: str, path: str) -> bool:
        if path in self.table.get(rule, {}):
            self.used.add((rule, path))
            return True
        return False

    def unused(self) -> list[str]:
        return [
            f"tools/lint/exceptions.toml:1: [{rule}] \"{path}\" excuses nothing (remove the entry)"
            for rule, paths in self.table.items()
            for path in paths
            if (rule, path) not in self.used
        ]


def blank_literals(text: str) -> str:
    """Comments and the insides of literals as blanks, line by line where they were."""

    def blank(match: re.Match) -> str:
        whole = match.group(0)
        if whole.startswith("/"):
            return re.sub(r"[^\n]", " ", whole)
        quote = whole[-1]
        return quote + re.sub(r"[^\n]", " ", whole[1:-1]) + quote

    return LITERAL.sub(blank, text)


def text_files(root: Path) -> list[Path]:
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS)
        for name in sorted(names):
            path = Path(folder) / name
            if path.is_symlink():
                continue
            known = name.endswith(TEXT_SUFFIXES) or name in TEXT_NAMES
            if known or starts_with_shebang(path):
                found.append(path)
    return found


def starts_with_shebang(path: Path) -> bool:
    if path.suffix:
        return False
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def check_text(path: str, text: str, report: Report) -> None:
    if text and not text.endswith("\n"):
        last = text.count("\n") + 1
        report.findings.append(f"{path}:{last}: [newline] the last line does not end")
    makefile = path.rsplit("/", 1)[-1] == "Makefile"
    for number, line in enumerate(text.split("\n"), 1):
        where = f"{path}:{number}"
        if path.endswith(NARROW_SUFFIXES) and len(line) > COLUMNS_MAX:
            report.findings.append(
                f"{where}: [columns] {len(line)} columns (at most {COLUMNS_MAX})"
            )
        if "\t" in line and not makefile:
            report.findings.append(f"{where}: [tab] tab (indent with blanks)")
        if line != line.rstrip():
            report.findings.append(f"{where}: [trailing-blank] blanks at the end of the line")
        marker = MARKER_WORDS.search(line)
        if marker:
            report.findings.append(
                f"{where}: [marker] {marker.group(0)} (finish it, or leave it out whole)"
            )


def check_rules(path: str, text: str, exceptions: Exceptions, report: Report) -> None:
    rules = [rule for rule in RULES if rule.applies_to(path)]
    blanked = blank_literals(text) if path.endswith(CODE) else text
    for number, (raw, code) in enumerate(zip(text.split("\n"), blanked.split("\n")), 1):
        for rule in rules:
            # A raw rule reads a line only where it is code: an #include in a comment is none.
            if rule.pattern.search(raw if rule.raw and code.strip() else code):
                if not exceptions.excuses(rule.name, path):
                    report.findings.append(f"{path}:{number}: [{rule.name}] {rule.message}")
    if path.endswith(HEADERS) and not re.search(r"^#pragma once$", blanked, re.MULTILINE):
        report.findings.append(f"{path}:1: [pragma-once] header without #pragma once")
    if path.startswith("src/"):
        check_function_lengths(path, blanked, report)


def check_function_lengths(path: str, code: str, report: Report) -> None:
    """A function begins with an unindented line and ends with an unindented brace."""
    head = start = None
    for number, line in enumerate(code.split("\n"), 1):
        if line.startswith("}"):
            if start is not None and number - start > FUNCTION_LINES_MAX:
                report.warnings.append(
                    f"{path}:{start}: [function-length] {number - start} lines (better at most 70)"
                )
            head = start = None
        elif line and line[0] not in " #":
            words = set(re.findall(r"\w+", line))
            head = None if words & NO_FUNCTION or "=" in line or line.endswith(";") else number
            start = head if line.endswith("{") else None
        elif head and not start and line.startswith("    ") and line.endswith("{"):
            start = head


def check_heavy_files(exceptions: Exceptions, report: Report) -> None:
    libraries: dict[str, list[str]] = {}
    for path, reason in exceptions.table.get("heavy-header", {}).items():
        libraries.setdefault(reason.split(":")[0], []).append(path)
    for library, paths in libraries.items():
        if len(paths) > HEAVY_FILES_MAX:
            report.findings.append(
                "tools/lint/exceptions.toml:1: [heavy-header] "
                f"{library} stands in {len(paths)} files (at most {HEAVY_FILES_MAX}: wrap it)"
            )


def check(root: Path) -> Report:
    report = Report()
    exceptions = Exceptions(tomllib.loads((root / "tools/lint/exceptions.toml").read_text()))
    known = {rule.name for rule in RULES}
    for name in exceptions.table:
        if name not in known:
            report.findings.append(f"tools/lint/exceptions.toml:1: [{name}] is no rule")
    check_heavy_files(exceptions, report)
    for file in text_files(root):
        path = file.relative_to(root).as_posix()
        text = file.read_text(errors="replace")
        check_text(path, text, report)
        check_rules(path, text, exceptions, report)
    report.warnings += exceptions.unused()
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[2])
    report = check(parser.parse_args().root)
    for warning in report.warnings:
        print(f"{warning} (warning)")
    for finding in report.findings:
        print(finding)
    print(f"lint: {len(report.findings)} findings" if report.findings else "lint: clean")
    return 1 if report.findings else 0


if __name__ == "__main__":
    sys.exit(main())
