#!/usr/bin/env python3
"""Checks that modules under src/ depend only downwards, as tools/layers.toml orders them.

Reads every #include and every weir_module() and target_link_libraries() of src/, and compares
src/base/ with its closed list of files. Prints one line a finding, `FILE:LINE: what (what to do)`,
and exits 1 when there is one.
"""

import argparse
import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')
CMAKE_CALL = re.compile(r"\b(weir_module|target_link_libraries)\s*\(([^()]*)\)", re.IGNORECASE)
CMAKE_KEYWORDS = {"SOURCES", "DEPS", "LIBS"}
SOURCE_SUFFIXES = {".cc", ".h", ".c"}


@dataclass
class Layers:
    """The rank of each module; a module may use every module of a lower rank."""

    ranks: dict[str, int]

    @staticmethod
    def load(path: Path) -> "Layers":
        rows = tomllib.loads(path.read_text())["layers"]
        ranks: dict[str, int] = {}
        for rank, row in enumerate(rows):
            for module in row:
                if module in ranks:
                    raise SystemExit(f"{path}: module '{module}' stands in two rows (keep one)")
                ranks[module] = rank
        return Layers(ranks)

    def module_of(self, path: str) -> str | None:
        """The module of a path relative to src/: 'protocol/headers/a.h' -> 'protocol/headers'."""
        parts = path.split("/")
        for length in range(len(parts) - 1, 0, -1):
            candidate = "/".join(parts[:length])
            if candidate in self.ranks:
                return candidate
        return None

    def may_use(self, user: str, used: str) -> bool:
        return user == used or self.ranks[used] < self.ranks[user]

    def of_target(self, target: str) -> str | None:
        """'weir_protocol_headers' or 'protocol_headers' -> 'protocol/headers'."""
        name = target.removeprefix("weir_")
        return next((m for m in self.ranks if m.replace("/", "_") == name), None)


def strip_comments(text: str) -> str:
    """C++ comments blanked, line numbers and string literals kept."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)

    def blank(match: re.Match) -> str:
        whole = match.group(0)
        return whole if whole.startswith('"') else re.sub(r"[^\n]", " ", whole)

    return pattern.sub(blank, text)


def check_includes(root: Path, layers: Layers, uses: dict[str, dict[str, str]]) -> list[str]:
    """Findings of all #includes; fills uses[module][used module] = where."""
    findings = []
    src = root / "src"
    for path in sorted(p for p in src.rglob("*") if p.suffix in SOURCE_SUFFIXES and p.is_file()):
        relative = path.relative_to(src).as_posix()
        user = layers.module_of(relative)
        if user is None:
            findings.append(
                f"src/{relative}:1: stands in no module of tools/layers.toml "
                "(move it, or add the module)"
            )
            continue
        for number, line in enumerate(strip_comments(path.read_text()).splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            bracket, target = match.groups()
            where = f"src/{relative}:{number}"
            used = layers.module_of(target)
            in_tree = (src / target).is_file()
            if bracket == "<":
                if in_tree:
                    findings.append(f'{where}: <{target}> is ours (write #include "{target}")')
                continue
            if not in_tree:
                findings.append(
                    f'{where}: "{target}" is no file under src/ '
                    "(name it from src/; write system headers in <>)"
                )
                continue
            if used is None:
                findings.append(f'{where}: "{target}" belongs to no module of tools/layers.toml')
                continue
            if not layers.may_use(user, used):
                findings.append(
                    f"{where}: {user} may not include {used}, "
                    "which is not below it in tools/layers.toml "
                    f"(declare a small interface in {user} and hand the implementation in from app)"
                )
            uses.setdefault(user, {}).setdefault(used, where)
    return findings


def check_targets(root: Path, layers: Layers, uses: dict[str, dict[str, str]]) -> list[str]:
    """Findings of the CMake targets: links point down, and every included module is linked."""
    findings = []
    links: dict[str, set[str]] = {}
    for path in sorted((root / "src").rglob("CMakeLists.txt")):
        relative = path.relative_to(root).as_posix()
        text = re.sub(r"#[^\n]*", "", path.read_text())
        folder = path.parent.relative_to(root / "src").as_posix()
        for call in CMAKE_CALL.finditer(text):
            words = call.group(2).replace('"', " ").split()
            if not words:
                continue
            where = f"{relative}:{text.count(chr(10), 0, call.start()) + 1}"
            if call.group(1).lower() == "weir_module":
                user = layers.of_target(words[0])
                if user is None or user != folder:
                    findings.append(
                        f"{where}: weir_module({words[0]}) does not name its folder "
                        f"(write {folder.replace('/', '_')}, and list it in tools/layers.toml)"
                    )
                    continue
                used_names = words_after(words, "DEPS") + [
                    w for w in words_after(words, "LIBS") if w.startswith("weir_")
                ]
            else:
                user = layers.of_target(words[0]) if words[0].startswith("weir_") else None
                if user is None:
                    continue
                used_names = [w for w in words[1:] if w.startswith("weir_")]
                used_names = [w for w in used_names if w != "weir_options"]
            for name in used_names:
                used = layers.of_target(name)
                if used is None:
                    findings.append(f"{where}: {name} is no module of tools/layers.toml")
                elif used == user or not layers.may_use(user, used):
                    findings.append(
                        f"{where}: {user} may not link {used}, "
                        "which is not below it in tools/layers.toml"
                    )
                else:
                    links.setdefault(user, set()).add(used)
    for user, modules in sorted(uses.items()):
        reachable = closure(user, links)
        for used, where in sorted(modules.items()):
            if used != user and used not in reachable and layers.may_use(user, used):
                findings.append(
                    f"{where}: {user} includes {used} without linking it "
                    f"(add {used.replace('/', '_')} to DEPS in src/{user}/CMakeLists.txt)"
                )
    return findings


def check_base(root: Path) -> list[str]:
    """The files of base are a closed list, which stands in docs/architecture.md."""
    text = (root / "docs" / "architecture.md").read_text()
    return [
        f"src/base/{path.name}:1: is not in the closed list of base's files "
        "(better a module of its own; else give it a line in docs/architecture.md)"
        for path in sorted((root / "src" / "base").glob("*.h"))
        if f"`{path.name}`" not in text
    ]


def words_after(words: list[str], keyword: str) -> list[str]:
    """The values of one keyword argument of a CMake call."""
    result = []
    inside = False
    for word in words:
        if word in CMAKE_KEYWORDS:
            inside = word == keyword
        elif inside:
            result.append(word)
    return result


def closure(start: str, links: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    stack = [start]
    while stack:
        for used in links.get(stack.pop(), ()):
            if used not in seen:
                seen.add(used)
                stack.append(used)
    return seen


def check(root: Path) -> list[str]:
    layers = Layers.load(root / "tools" / "layers.toml")
    uses: dict[str, dict[str, str]] = {}
    findings = check_includes(root, layers, uses)
    return findings + check_targets(root, layers, uses) + check_base(root)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[2])
    findings = check(parser.parse_args().root)
    for finding in findings:
        print(finding)
    print(f"layers: {len(findings)} findings" if findings else "layers: clean")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
