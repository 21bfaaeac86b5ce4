#!/usr/bin/env python3
"""The analysis of flows beside its peer: weir read --logs and argus, run in turns on one core.

Method as in read_bench.py: a capture of weir-traffic with a fixed seed, in the page cache; A, B,
A, B... at least five rounds; medians; the cost of starting (the same command on a file of one
packet) taken off; outputs removed before every run. Then weir alone on hostile captures
(hostile.py): how its rate stands to that of the mixed traffic, and what the bounds turned away.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import hostile

ROOT = Path(__file__).resolve().parents[2]


class Bench:
    def __init__(self, options: argparse.Namespace, work: Path):
        self.options = options
        self.work = work
        self.measure = options.weir.parent / "weir-measure"

    def cost(self, words: list, outputs: list) -> dict:
        for output in outputs:
            shutil.rmtree(output, ignore_errors=True)
            if output.is_file():
                output.unlink()
        os.sync()
        result = self.work / "cost.json"
        core = str(self.options.core)
        done = subprocess.run(
            [str(self.measure), core, str(result), *map(str, words)],
            capture_output=True, text=True, check=False,
        )
        cost = json.loads(result.read_text()) if done.returncode == 0 else {"status": 127}
        if cost["status"] not in (0, 1):
            command = " ".join(map(str, words))
            sys.exit(f"logs_bench: {command}: status {cost['status']}\n{done.stderr}")
        return cost

    def weir(self, capture: Path, logs: bool = True) -> dict:
        stats = self.work / "stats.json"
        words = [self.options.weir, "read", capture, "--stats-json", stats]
        directory = self.work / "logs"
        if logs:
            words += ["--logs", directory, "--checksums", self.options.checksums]
        cost = self.cost(words, [directory])
        return cost | {"stats": json.loads(stats.read_text())}

    def argus(self, capture: Path) -> dict:
        output = self.work / "argus.out"
        return self.cost([self.options.argus, "-r", capture, "-w", output], [output])

    def rates(self, tools: dict, capture: Path, one: Path, packets: int) -> dict:
        """Medians of packets a second and of CPU time a packet, start-up taken off."""
        starts = {name: [run(one) for _ in range(3)] for name, run in tools.items()}
        runs = {name: [] for name in tools}
        for _ in range(self.options.rounds):
            for name, run in tools.items():
                runs[name].append(run(capture))
        table = {}
        for name, all_runs in runs.items():
            wall, cpu = (
                statistics.median(map(cost, all_runs)) - statistics.median(map(cost, starts[name]))
                for cost in (wall_s, cpu_s)
            )
            table[name] = {
                "packets_per_s": packets / wall,
                "cpu_ns_per_packet": cpu / packets * 1e9,
                "peak_rss_mib": max(run["peak_rss_kib"] for run in all_runs) / 1024,
            }
        return table


def wall_s(cost: dict) -> float:
    return cost["wall_s"]


def cpu_s(cost: dict) -> float:
    return cost["user_s"] + cost["sys_s"]


def show(title: str, table: dict) -> None:
    print(f"\n{title}")
    for name, row in table.items():
        print(
            f"  {name:24} {row['packets_per_s'] / 1e6:7.2f} M packets/s "
            f"{row['cpu_ns_per_packet']:8.0f} ns CPU a packet {row['peak_rss_mib']:8.0f} MiB"
        )


def main() -> None:
    argus = shutil.which("argus", path=os.environ["PATH"] + ":/usr/sbin")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--weir", type=Path, default=ROOT / "build/bench/bin/weir")
    parser.add_argument("--argus", default=argus)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--bytes", default="1GiB")
    parser.add_argument("--core", type=int, default=1)
    parser.add_argument("--checksums", default="auto")
    parser.add_argument("--hostile-packets", type=int, default=2_000_000)
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "weir-bench")
    options = parser.parse_args()
    options.data.mkdir(parents=True, exist_ok=True)
    generator = options.weir.parent / "weir-traffic"
    mixed = options.data / f"logs-mixed-{options.bytes}.pcap"
    one = options.data / "logs-one.pcap"
    summary = mixed.with_suffix(".json")
    if not summary.exists():
        words = [generator, "--seed", "1", "--bytes", options.bytes, "-w", mixed]
        words += ["--summary", summary]
        subprocess.run(list(map(str, words)), check=True, stderr=subprocess.DEVNULL)
    words = [generator, "--packets", "1", "--needle-packets", "0", "-w", one]
    subprocess.run(list(map(str, words)), check=True, stderr=subprocess.DEVNULL)
    packets = json.loads(summary.read_text())["packets"]

    with tempfile.TemporaryDirectory(dir=options.data) as work:
        bench = Bench(options, Path(work))
        tools = {
            "weir read --logs": bench.weir,
            "weir read": lambda capture: bench.weir(capture, False),
        }
        if options.argus:
            tools["argus"] = bench.argus
        else:
            print("argus: not installed")
        results = {"mixed": bench.rates(tools, mixed, one, packets)}
        show(f"Mixed traffic, {packets} packets", results["mixed"])
        if options.argus:
            ratio = (
                results["mixed"]["weir read --logs"]["packets_per_s"]
                / results["mixed"]["argus"]["packets_per_s"]
            )
            results["ratio"] = ratio
            print(f"  weir / argus: {ratio:.2f} (wanted: 5)")
        normal = results["mixed"]["weir read --logs"]["packets_per_s"]
        results["hostile"] = {}
        for kind in hostile.KINDS:
            capture = Path(work) / "hostile.pcap"
            hostile.write(capture, kind, options.hostile_packets)
            runs = [bench.weir(capture) for _ in range(3)]
            wall = statistics.median(run["wall_s"] for run in runs)
            stats = runs[0]["stats"]
            rate = options.hostile_packets / wall
            flows = stats["flows"]
            peak = max(run["peak_rss_kib"] for run in runs) // 1024
            results["hostile"][kind] = {
                "packets_per_s": rate,
                "peak_rss_mib": peak,
                "flows": flows,
                "records": stats["records"],
            }
            print(
                f"  {kind:24} {rate / 1e6:6.2f} M packets/s, {rate / normal:5.2f} of normal; "
                f"evicted {flows['evicted']}, {peak} MiB"
            )
        if options.json:
            options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
