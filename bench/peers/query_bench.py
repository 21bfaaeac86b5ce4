#!/usr/bin/env python3
"""weir query beside tcpdump -r over the same packets, in one table.

Method: a capture of weir-traffic with a fixed seed, more than 4 GB, and behind it a short one, so
that one host has 100 packets in about 100 chunks and another 100 in ten; `weir read --store` makes
a store of it. Every query writes what it finds (-w), as tcpdump does. Whole processes, start
included, from fork to exit, in turns, at least five rounds, medians. Cold: the pages of the file
or the store, output of both, are put out of the cache before each run; warm: they have been read
just before. Memory is the peak of the resident set. Every answer has as many packets as
tcpdump's.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

ROOT = Path(__file__).resolve().parents[2]
SEED = 7
SPREAD_HOST = "198.51.100.77"  # the needle of weir-traffic
CLOSE_HOST = "198.51.100.78"  # the same of the short capture, made another host
NOBODY = "203.0.113.200"
PCAP_HEADER_BYTES = 24


@dataclass
class Case:
    key: str
    title: str
    expression: str
    wanted_cold: Optional[float] = None  # times as fast as tcpdump
    wanted_warm: Optional[float] = None


CASES = [
    Case("close", "100 packets in ten chunks", f"host {CLOSE_HOST}", 50, 100),
    Case("spread", "100 packets, one in a chunk", f"host {SPREAD_HOST}", 20, 40),
    Case("nobody", "a host that is nowhere", f"host {NOBODY}"),
    Case("scan", "what the index cannot tell", "ip[8] = 3", 1),
]


def words_of(host: str) -> bytes:
    return bytes(int(part) for part in host.split("."))


def run(words: list) -> dict:
    """Wall time from fork to exit, CPU time, peak memory."""
    begin = time.perf_counter()
    null = os.open(os.devnull, os.O_RDWR)
    files = [(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)]
    child = os.posix_spawn(words[0], words, os.environ, file_actions=files)
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - begin
    os.close(null)
    if status != 0:
        sys.exit(f"query_bench: {' '.join(words)}: wait status {status}")
    return {
        "wall_s": wall,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * 1024,
    }


class Bench:
    def __init__(self, options: argparse.Namespace, work: Path):
        self.options = options
        self.work = work
        name = f"query-{SEED}-{options.bytes}"
        self.capture = options.data / f"{name}.pcap"
        self.store = options.data / f"{name}.store"
        self.tcpdump = shutil.which("tcpdump")

    def prepare(self) -> None:
        """Makes capture and store; a capture that is there is kept."""
        self.options.data.mkdir(parents=True, exist_ok=True)
        if not self.capture.exists():
            partial = self.capture.with_suffix(".partial")
            generator = str(self.options.bin / "weir-traffic")
            words = [generator, "--seed", str(SEED), "--bytes", self.options.bytes]
            subprocess.run([*words, "-w", str(partial)], check=True)
            short = self.work / "short.pcap"
            words = [generator, "--seed", str(SEED + 1), "--bytes", "8MiB", "-w", str(short)]
            subprocess.run(words, check=True)
            packets = short.read_bytes()[PCAP_HEADER_BYTES:]
            with open(partial, "ab") as file:
                file.write(packets.replace(words_of(SPREAD_HOST), words_of(CLOSE_HOST)))
            os.replace(partial, self.capture)
        if self.options.keep_store and self.store.exists():
            return
        shutil.rmtree(self.store, ignore_errors=True)
        words = [str(self.options.weir), "read", str(self.capture), "--store", str(self.store)]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.sync()

    def files(self) -> list:
        return [self.capture, *sorted(self.store.iterdir())]

    def forget(self) -> None:
        """Out of the page cache; needs them to be on the disk."""
        for path in self.files():
            with open(path, "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def remember(self) -> None:
        for path in self.files():
            with open(path, "rb", buffering=0) as file:
                while file.read(1 << 22):
                    pass

    def query(self, case: Case, output: Path) -> list:
        words = [str(self.options.weir), "query", str(self.store), "-w", str(output)]
        return [*words, case.expression]

    def dump(self, case: Case, output: Path) -> list:
        words = [self.tcpdump, "-r", str(self.capture), "-w", str(output)]
        # As root, tcpdump would change its user before it opens the output.
        return words + (["-Z", "root"] if os.geteuid() == 0 else []) + [case.expression]

    def packets_in(self, path: Path) -> int:
        words = [self.tcpdump, "-r", str(path), "--count"]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        return int(done.stdout.split()[0])

    def explain(self, case: Case) -> dict:
        words = [str(self.options.weir), "query", str(self.store), "--json", "--explain"]
        done = subprocess.run(
            [*words, case.expression], capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout)

    def compare(self, case: Case, warm: bool) -> dict:
        ours, theirs = [], []
        our_file, their_file = self.work / "weir.pcapng", self.work / "tcpdump.pcap"
        for _ in range(self.options.runs):
            for words, rows in (
                (self.query(case, our_file), ours),
                (self.dump(case, their_file), theirs),
            ):
                for output in (our_file, their_file):
                    output.unlink(missing_ok=True)
                os.sync()
                if warm:
                    self.remember()
                else:
                    self.forget()
                rows.append(run(words))
                if rows is ours:
                    found = self.packets_in(our_file)
        expected = self.packets_in(their_file)
        if found != expected:
            sys.exit(f"query_bench: {case.expression}: {found} packets, tcpdump has {expected}")
        row = {"packets": found, "warm": warm}
        for name, rows in (("weir", ours), ("tcpdump", theirs)):
            row[name] = {key: statistics.median(r[key] for r in rows) for key in rows[0]}
        row["times_as_fast"] = row["tcpdump"]["wall_s"] / row["weir"]["wall_s"]
        return row

    def disk_rate(self) -> Optional[float]:
        """What the device gives to large reads past the cache, in bytes a second."""
        tool = shutil.which("fio")
        if tool is None:
            return None
        words = [tool, "--name=r", f"--filename={self.capture}", "--rw=read", "--bs=1M"]
        words += ["--iodepth=8", "--ioengine=io_uring", "--direct=1", "--readonly"]
        words += ["--output-format=json"]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)["jobs"][0]["read"]["bw_bytes"]


def line(case: Case, row: dict, plan: dict) -> str:
    chunks = plan["chunks"]
    unread = 1 - chunks["read"] / chunks["considered"]
    wanted = case.wanted_warm if row["warm"] else case.wanted_cold
    return (
        f"{case.title:<28} {'warm' if row['warm'] else 'cold'}  {row['packets']:>7} packets  "
        f"weir {row['weir']['wall_s'] * 1e3:8.1f} ms  "
        f"tcpdump {row['tcpdump']['wall_s'] * 1e3:8.1f} ms  "
        f"{row['times_as_fast']:6.1f} times as fast"
        + (f" ({wanted:.0f} wanted)" if wanted else "")
        + f"  {unread:.2%} of {chunks['considered']} chunks unread  "
        f"{row['weir']['peak_bytes'] / 2**20:.0f} MiB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weir", type=Path, default=ROOT / "build/bench/bin/weir")
    parser.add_argument("--bin", type=Path, default=ROOT / "build/bench/bin")
    parser.add_argument("--data", type=Path, default=ROOT / "build/bench-data")
    parser.add_argument("--bytes", default="4300MiB", help="of the capture; default 4300MiB")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--keep-store", action="store_true", help="of an earlier run")
    parser.add_argument("--case", action="append", choices=[case.key for case in CASES])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    table = []
    with tempfile.TemporaryDirectory(dir=options.data) as work:
        bench = Bench(options, Path(work))
        if bench.tcpdump is None:
            sys.exit("query_bench: tcpdump is not installed (scripts/install-deps --bench)")
        bench.prepare()
        for case in CASES:
            if options.case and case.key not in options.case:
                continue
            plan = bench.explain(case)["plan"]
            for warm in (False, True):
                row = bench.compare(case, warm)
                table.append({"case": case.key, "plan": plan, **row})
                print(line(case, row, plan), flush=True)
        rate = bench.disk_rate()
        size = bench.capture.stat().st_size
        for row in table:
            if row["case"] != "scan" or row["warm"]:
                continue
            print(
                f"scan, cold: weir {size / row['weir']['wall_s'] / 1e9:.2f} GB/s, "
                f"tcpdump {size / row['tcpdump']['wall_s'] / 1e9:.2f} GB/s, "
                + (f"fio {rate / 1e9:.2f} GB/s" if rate else "fio absent")
            )
    if options.json:
        options.json.write_text(json.dumps({"fio_bytes_per_s": rate, "rows": table}, indent=1))


if __name__ == "__main__":
    main()
