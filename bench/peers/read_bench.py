#!/usr/bin/env python3
"""Offline reading beside its peers: weir read and tcpdump, run in turns, in one table.

Method: a capture of weir-traffic with a fixed seed, in the page cache; every command pinned to one
core; A, B, A, B... at least five rounds; medians; the cost of starting (the same command on a file
of one packet) taken off; the output file removed and the disk synchronised before every run, so
that nobody pays for the writeback of another. Every count is compared with what the generator
knows. The rate is packets of the input by wall time; CPU time stands beside it, because on a shared
machine wall time is the noisier of the two. tcpdump's output may still be in the page cache when it
ends; what weir writes past the cache is on the device by then.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Optional

ROOT = Path(__file__).resolve().parents[2]
SEED = 1
SOME_PASS = "tcp port 443"
ALMOST_NONE_PASS = "host 198.51.100.77"


@dataclass
class Tool:
    """One side of a comparison."""

    name: str
    path: Optional[str]  # None: not installed
    command: Callable[[str, str, str], list]  # (input, output, file for statistics) -> words
    count: Callable[[str, str], Optional[int]]  # (standard output, statistics) -> packets accepted


@dataclass
class Workload:
    key: str
    title: str
    expression: Optional[str]
    output: Optional[Path]  # None: counts only
    tools: list = field(default_factory=list)


def first_integer(stdout: str, _stats: str) -> Optional[int]:
    for line in stdout.splitlines():
        word = line.split(" ", 1)[0]
        if word.isdigit():
            return int(word)
    return None


def accepted(_stdout: str, stats: str) -> Optional[int]:
    try:
        return json.loads(Path(stats).read_text())["accepted"]
    except (OSError, ValueError, KeyError):
        return None


def weir_tool(path: Optional[str], expression: Optional[str], writes: bool) -> Tool:
    def command(source: str, output: str, stats: str) -> list:
        words = [path, "read", source, "--stats-json", stats]
        words += ["-f", expression] if expression else []
        words += ["-w", output] if writes else []
        return words

    return Tool("weir", path, command, accepted)


def tcpdump_tool(path: Optional[str], expression: Optional[str], writes: bool) -> Tool:
    def command(source: str, output: str, _stats: str) -> list:
        # As root, tcpdump would change its user before it opens the output.
        words = [path, "-r", source] + (["-Z", "root"] if os.geteuid() == 0 else [])
        words += ["-w", output] if writes else ["--count"]
        return words + ([expression] if expression else [])

    return Tool("tcpdump", path, command, (lambda *_: None) if writes else first_integer)


def reference_tool(name: str, path: Path, expression: Optional[str] = None) -> Tool:
    found = str(path) if path.exists() else None
    extra = [expression] if expression else []
    return Tool(name, found, lambda source, *_: [found, source] + extra, first_integer)


class Bench:
    def __init__(self, options: argparse.Namespace, work: Path):
        self.options = options
        self.work = work
        self.measure = options.bin / "weir-measure"
        self.stats = str(work / "stats.json")
        self.capture = str(options.data / f"traffic-{SEED}-{options.bytes}.pcap")
        self.one_packet = str(options.data / f"traffic-{SEED}-one.pcap")

    def prepare(self) -> dict:
        """Makes the captures once; the summary of the large one."""
        self.options.data.mkdir(parents=True, exist_ok=True)
        generator = str(self.options.bin / "weir-traffic")
        summary = Path(self.capture).with_suffix(".json")
        if not (summary.exists() and Path(self.capture).exists()):
            partial = self.capture + ".partial"
            size = ["--bytes", self.options.bytes]
            made = partial + ".json"
            words = [generator, "--seed", str(SEED), *size, "-w", partial, "--summary", made]
            subprocess.run(words, check=True)
            os.replace(partial, self.capture)
            os.replace(made, summary)
        one = ["--packets", "1", "--needle-packets", "0", "-w", self.one_packet]
        subprocess.run([generator, *one], check=True, stderr=subprocess.DEVNULL)
        os.sync()
        return json.loads(summary.read_text())

    def warm(self) -> None:
        with open(self.capture, "rb", buffering=0) as file:
            while file.read(1 << 22):
                pass

    def run(
        self, tool: Tool, source: str, output: Optional[Path], written: Optional[int] = None
    ) -> tuple[dict, Optional[int]]:
        """One run: what it cost, what it counted. `written`: packets that the output must hold."""
        if output:
            output.unlink(missing_ok=True)
        Path(self.stats).unlink(missing_ok=True)
        os.sync()
        result = self.work / "result.json"
        words = tool.command(source, str(output), self.stats)
        done = subprocess.run(
            [str(self.measure), str(self.options.core), str(result), *words],
            capture_output=True,
            text=True,
            check=False,
        )
        cost = json.loads(result.read_text()) if done.returncode == 0 else {"status": "not run"}
        if cost["status"] != 0:
            sys.exit(
                f"read_bench: {' '.join(words)}: status {cost['status']}: {done.stderr.strip()}"
            )
        if output:
            cost["output_bytes"] = output.stat().st_size
            os.sync()
            if written is not None:
                self.check_output(tool, output, written)
            output.unlink(missing_ok=True)
        return cost, tool.count(done.stdout, self.stats)

    @staticmethod
    def check_output(tool: Tool, output: Path, written: int) -> None:
        reader = shutil.which("tcpdump")
        if reader is None:
            return
        words = tcpdump_tool(reader, None, False).command(str(output), "", "")
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        found = first_integer(done.stdout, "")
        if done.returncode != 0 or found != written:
            sys.exit(f"read_bench: {tool.name} wrote {found} packets, not {written}")

    def start_cost(self, tool: Tool, output: Optional[Path]) -> dict:
        runs = [self.run(tool, self.one_packet, output)[0] for _ in range(self.options.runs)]
        keys = ("wall_s", "user_s", "sys_s")
        return {key: statistics.median(r[key] for r in runs) for key in keys}

    def compare(self, workload: Workload, summary: dict) -> dict:
        present = [tool for tool in workload.tools if tool.path]
        start = {tool.name: self.start_cost(tool, workload.output) for tool in present}
        runs: dict = {tool.name: [] for tool in present}
        expected = summary["packets"]
        if workload.expression:
            expected = summary["expressions"][workload.expression]
        for turn in range(self.options.runs):
            for tool in present:
                written = expected if turn == 0 and workload.output else None
                cost, count = self.run(tool, self.capture, workload.output, written)
                if count is not None and count != expected:
                    sys.exit(f"read_bench: {tool.name} counts {count} packets, not {expected}")
                runs[tool.name].append(cost)
        row = {"key": workload.key, "title": workload.title, "accepted": expected, "tools": {}}
        for tool in workload.tools:
            row["tools"][tool.name] = (
                self.figures(runs[tool.name], start[tool.name], summary["packets"])
                if tool.path
                else {"absent": True}
            )
        return row

    @staticmethod
    def figures(runs: list, start: dict, packets: int) -> dict:
        def net(key: str) -> float:
            return max(statistics.median(r[key] for r in runs) - start[key], 1e-6)

        cpu = [r["user_s"] + r["sys_s"] for r in runs]
        net_cpu = max(statistics.median(cpu) - start["user_s"] - start["sys_s"], 1e-6)
        walls = [r["wall_s"] for r in runs]
        return {
            "wall_s": net("wall_s"),
            "wall_spread": (max(walls) - min(walls)) / statistics.median(walls),
            "user_s": net("user_s"),
            "sys_s": net("sys_s"),
            "cpu_s": net_cpu,
            "start_s": start["wall_s"],
            "packets_per_s": packets / net("wall_s"),
            "packets_per_cpu_s": packets / net_cpu,
            "peak_rss_kib": max(r["peak_rss_kib"] for r in runs),
            "output_bytes": runs[-1].get("output_bytes"),
            "runs": runs,
        }


def allows_direct(folder: Path) -> bool:
    probe = folder / ".direct-probe"
    try:
        os.close(os.open(probe, os.O_CREAT | os.O_WRONLY | os.O_DIRECT, 0o600))
        return True
    except OSError:
        return False
    finally:
        probe.unlink(missing_ok=True)


def writing_places(options: argparse.Namespace) -> list:
    """(key, title, file) for a place that takes O_DIRECT and one that does not."""
    places = []
    if allows_direct(options.data):
        places.append(("direct", "O_DIRECT works", options.data / "output.bin"))
    else:
        print(f"{options.data}: no O_DIRECT here, not measured (--data FOLDER)", file=sys.stderr)
    memory = options.memory
    if memory.is_dir() and os.access(memory, os.W_OK):
        # Newer kernels accept the flag on tmpfs; there is still no device below.
        title = "tmpfs" + (", takes the flag" if allows_direct(memory) else "")
        places.append(("tmpfs", title, memory / f"weir-read-bench-{os.getpid()}"))
    return places


def workloads(options: argparse.Namespace, places: list) -> list:
    weir = str(options.weir) if options.weir.exists() else None
    tcpdump = shutil.which("tcpdump")

    def pair(key: str, title: str, expression: Optional[str], output: Optional[Path]) -> Workload:
        writes = output is not None
        tools = [weir_tool(weir, expression, writes), tcpdump_tool(tcpdump, expression, writes)]
        if not writes:
            loop = options.bin / "libpcap-loop"
            tools.append(reference_tool("libpcap-loop", loop, expression))
        return Workload(key, title, expression, output, tools)

    table = [
        pair(f"write_{key}", f"read F -w G ({title})", None, file) for key, title, file in places
    ]
    table.append(pair("some", f"'{SOME_PASS}', counts only", SOME_PASS, None))
    table += [
        pair(f"some_write_{key}", f"'{SOME_PASS}' -w G ({title})", SOME_PASS, file)
        for key, title, file in places
    ]
    table.append(pair("rare", f"'{ALMOST_NONE_PASS}', counts only", ALMOST_NONE_PASS, None))
    count = pair("count", "no filter, counts only", None, None)
    count.tools.append(reference_tool("record-walk", options.bin / "record-walk"))
    table.append(count)
    if options.only:
        table = [w for w in table if w.key in options.only]
    return table


def ratio(row: dict, key: str) -> Optional[float]:
    weir, peer = row["tools"]["weir"], row["tools"]["tcpdump"]
    if "absent" in weir or "absent" in peer:
        return None
    return weir[key] / peer[key]


def print_row(row: dict) -> None:
    print(f"\n{row['title']}: {row['accepted']} packets pass")
    for name, tool in row["tools"].items():
        if "absent" in tool:
            print(f"  {name:<13} absent")
            continue
        print(
            f"  {name:<13} {tool['packets_per_s'] / 1e6:7.2f} M/s   wall {tool['wall_s']:6.3f} s"
            f" (spread {100 * tool['wall_spread']:3.0f} %)   cpu {tool['user_s']:.3f} + "
            f"{tool['sys_s']:.3f} s   start {1000 * tool['start_s']:5.1f} ms   "
            f"peak {tool['peak_rss_kib'] / 1024:5.1f} MiB"
        )
    if row["ratio_wall"] is not None:
        print(
            f"  weir/tcpdump  {row['ratio_wall']:.2f} by wall time, "
            f"{row['ratio_cpu']:.2f} by CPU time"
        )


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weir", type=Path, default=ROOT / "build/release/bin/weir")
    parser.add_argument("--bin", type=Path, default=ROOT / "build/bench/bin", help="the helpers")
    parser.add_argument("--data", type=Path, default=ROOT / "build/bench-data")
    parser.add_argument("--memory", type=Path, default=Path("/dev/shm"))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--bytes", default="1GiB", help="size of the capture: KiB, MiB, GiB")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--only", action="append", help="a workload's key; may be repeated")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def main() -> None:
    options = parse_options()
    helpers = ("weir-measure", "weir-traffic")
    missing = [name for name in helpers if not (options.bin / name).exists()]
    if missing:
        sys.exit(
            f"read_bench: {', '.join(missing)} not in {options.bin} "
            "(cmake --preset bench && cmake --build --preset bench)"
        )
    with tempfile.TemporaryDirectory() as work:
        bench = Bench(options, Path(work))
        summary = bench.prepare()
        bench.warm()
        print(
            f"{summary['packets']} packets, {summary['file_bytes']} bytes in the file, "
            f"{summary['mean_frame_bytes']} bytes a frame, seed {SEED}; core {options.core}, "
            f"{options.runs} rounds"
        )
        rows = []
        for workload in workloads(options, writing_places(options)):
            row = bench.compare(workload, summary)
            row["ratio_wall"] = ratio(row, "packets_per_s")
            row["ratio_cpu"] = ratio(row, "packets_per_cpu_s")
            print_row(row)
            sys.stdout.flush()
            rows.append(row)
    if options.json:
        table = {
            "schema": 1,
            "capture": {k: summary[k] for k in ("packets", "bytes", "file_bytes", "seed", "mix")},
            "core": options.core,
            "rounds": options.runs,
            "kernel": os.uname().release,
            "rows": rows,
        }
        options.json.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
