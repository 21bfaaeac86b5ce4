#!/usr/bin/env python3
"""Writing a packet store beside fio, in one table.

Method: packets from memory through encoding, checksum and index to the disk (store-write), and fio
with the same block size and as many writes at a time, in turns, at least five rounds, medians; the
files removed and the disk synchronised before every run. `read --store` beside `read -w` of the
same capture of weir-traffic shows what index and checksums cost on mixed traffic.
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
from typing import Optional

ROOT = Path(__file__).resolve().parents[2]
CASES = [
    # (title, bytes of a frame, flows in the traffic)
    ("full-size packets, 1514 B", 1514, 1000),
    ("small packets, 64 B", 64, 5000),
    ("272 B, 20,000 flows", 272, 20000),
]
DEPTH = 8


def fio(path: Path, size: int) -> Optional[dict]:
    tool = shutil.which("fio")
    if tool is None:
        return None
    words = [tool, "--name=w", f"--directory={path}", "--rw=write", "--bs=1M", f"--size={size}"]
    words += [f"--iodepth={DEPTH}", "--ioengine=io_uring", "--direct=1", "--fallocate=keep"]
    words += ["--registerfiles=1", "--fixedbufs=1", "--output-format=json"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    job = json.loads(done.stdout)["jobs"][0]
    return {"bytes_per_s": job["write"]["bw_bytes"]}


def store_write(binary: Path, path: Path, size: int, frame: int, flows: int) -> dict:
    words = [str(binary), str(path), str(size), str(frame), str(flows)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    cost = json.loads(done.stdout)
    return {
        "bytes_per_s": cost["bytes"] / cost["wall_s"],
        "packets_per_s": cost["packets"] / cost["wall_s"],
        "cpu_s_per_gb": cost["cpu_s"] / (cost["bytes"] / 1e9),
        "cpu_ns_per_packet": cost["cpu_s"] / cost["packets"] * 1e9,
    }


def fresh(path: Path) -> Path:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    os.sync()
    return path


def median(rows: list, key: str) -> float:
    return statistics.median(row[key] for row in rows)


def writing(options: argparse.Namespace, work: Path) -> list:
    table = []
    for title, frame, flows in CASES:
        ours, theirs = [], []
        for _ in range(options.runs):
            peer = fio(fresh(work / "fio"), options.bytes)
            shutil.rmtree(work / "fio")
            if peer:
                theirs.append(peer)
            place = fresh(work / "store")
            binary = options.bin / "store-write"
            ours.append(store_write(binary, place, options.bytes, frame, flows))
            shutil.rmtree(place)
        row = {"title": title, "weir": {key: median(ours, key) for key in ours[0]}}
        row["fio_bytes_per_s"] = median(theirs, "bytes_per_s") if theirs else None
        table.append(row)
        text = (
            f"{title:<26} {row['weir']['bytes_per_s'] / 1e9:5.2f} GB/s  "
            f"{row['weir']['packets_per_s'] / 1e6:6.2f} M packets/s  "
            f"{row['weir']['cpu_s_per_gb']:.2f} CPU s/GB  "
            f"{row['weir']['cpu_ns_per_packet']:.0f} ns a packet  "
        )
        if row["fio_bytes_per_s"]:
            ratio = row["weir"]["bytes_per_s"] / row["fio_bytes_per_s"]
            text += f"fio {row['fio_bytes_per_s'] / 1e9:.2f} GB/s: ratio {ratio:.2f}"
        else:
            text += "fio absent"
        print(text)
    return table


def reading(options: argparse.Namespace, work: Path) -> Optional[dict]:
    captures = sorted(options.data.glob("traffic-1-*iB.pcap"))
    if not captures:
        print("no capture of weir-traffic there: run read_bench.py first", file=sys.stderr)
        return None
    capture = captures[-1]
    costs: dict = {"-w": [], "--store": []}
    result = work / "result.json"
    packets = 0
    for _ in range(options.runs):
        for flag, rows in costs.items():
            place = fresh(work / "out")
            words = [str(options.bin / "weir-measure"), str(options.core), str(result)]
            words += [str(options.weir), "read", str(capture), flag, str(place / "out")]
            words += ["--stats-json", str(work / "stats.json")]
            subprocess.run(words, capture_output=True, check=True)
            cost = json.loads(result.read_text())
            rows.append({"cpu_s": cost["user_s"] + cost["sys_s"], "wall_s": cost["wall_s"]})
            packets = json.loads((work / "stats.json").read_text())["accepted"]
            shutil.rmtree(place)
    more = (median(costs["--store"], "cpu_s") - median(costs["-w"], "cpu_s")) / packets * 1e9
    longer = median(costs["--store"], "wall_s") / median(costs["-w"], "wall_s")
    print(
        f"{capture.name}: --store costs {more:.0f} ns a packet more than -w (CPU), "
        f"{longer:.2f} times the wall time"
    )
    return {"capture": capture.name, "more_cpu_ns_per_packet": more}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weir", type=Path, default=ROOT / "build/bench/bin/weir")
    parser.add_argument("--bin", type=Path, default=ROOT / "build/bench/bin")
    parser.add_argument("--data", type=Path, default=ROOT / "build/bench-data")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--bytes", type=int, default=3_000_000_000)
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.data) as work:
        table = {"writing": writing(options, Path(work)), "reading": reading(options, Path(work))}
    if options.json:
        options.json.write_text(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
