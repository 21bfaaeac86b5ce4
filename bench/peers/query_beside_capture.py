#!/usr/bin/env python3
"""What queries cost a capture: packets lost at full rate, with and without queries beside it.

Method: weir-wire on one core sends into a veth pair at full rate, `weir capture --store` takes it
on another. In turns, A, B, A, B...: nothing beside it, or queries in a loop. What they ask for
matches every packet, so each reads all that is in the store: by now many times of what is written,
past what memory holds of it. The store is filled before from a capture of weir-traffic, so that the
first query has something to read from the disk, and the page cache is left as it is. `lost` is what
the capture dropped by its own count, of what the device received. Medians.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from veth_lab import CAPTURE_LINK, SENDER_LINK, VethLab

ROOT = Path(__file__).resolve().parents[2]


class Queries:
    """A loop of them, until it is left."""

    def __init__(self, weir: Path, store: Path):
        self.words = [str(weir), "query", str(store), "--json", "--explain"]
        self.answers: list = []
        self.ending = False
        self.process = None
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        while not self.ending:
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
            self.process = subprocess.Popen(self.words, text=True, **pipes)
            said, _ = self.process.communicate()
            if said:
                self.answers.append(json.loads(said))

    def __enter__(self) -> "Queries":
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.ending = True
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.thread.join()


def send(options: argparse.Namespace, lab: VethLab) -> dict:
    words = [*lab.enter(lab.sender), str(options.bin / "weir-wire"), "--interface", SENDER_LINK]
    words += ["--size", options.mix, "--core", str(options.sender_core)]
    words += ["--duration", f"{int(1000 * options.seconds)}ms"]
    if options.rate:
        words += ["--rate", str(options.rate)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def measure(options: argparse.Namespace, lab: VethLab, store: Path, beside: bool) -> dict:
    stats, ready = store.parent / "stats.json", os.pipe()
    words = [*lab.enter(lab.capture), "taskset", "-c", str(options.core)]
    words += [str(options.weir), "capture", "-i", CAPTURE_LINK, "--store", str(store)]
    words += ["--ready-fd", str(ready[1]), "--stats-json", str(stats)]
    capture = subprocess.Popen(words, pass_fds=[ready[1]], stderr=subprocess.DEVNULL)
    os.close(ready[1])
    queries = Queries(options.weir, store)
    try:
        os.read(ready[0], 1)
        if beside:
            with queries:
                time.sleep(0.5)
                sent = send(options, lab)
        else:
            sent = send(options, lab)
        time.sleep(0.5)
    finally:
        os.close(ready[0])
        capture.send_signal(signal.SIGINT)
        capture.wait(60)
    told = json.loads(stats.read_text())
    lost = sum(told["dropped"].values()) + sum(told["outputs"][0]["lost"].values())
    paces = [answer["pace"] for answer in queries.answers if "pace" in answer]
    return {
        "sent_per_s": sent["sent_per_s"],
        "received": told["received"],
        "lost": lost,
        "lost_share": lost / max(told["received"], 1),
        "queries": len(queries.answers),
        "read_bytes": sum(answer["plan"]["chunk_bytes"] for answer in queries.answers),
        "disk_bytes": sum(pace["bytes"] for pace in paces),
        "least_bytes_per_s": min((pace["least_bytes_per_s"] for pace in paces), default=None),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weir", type=Path, default=ROOT / "build/bench/bin/weir")
    parser.add_argument("--bin", type=Path, default=ROOT / "build/bench/bin")
    parser.add_argument("--data", type=Path, default=ROOT / "build/bench-data")
    parser.add_argument("--input", type=Path, help="a capture that the store is filled with before")
    parser.add_argument("--mix", default="imix")
    parser.add_argument("--rate", type=int, help="packets a second; none: as fast as it goes")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--sender-core", type=int, default=min(os.sched_getaffinity(0)))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    runs: dict = {"alone": [], "beside": []}
    with tempfile.TemporaryDirectory(dir=options.data) as work, VethLab() as lab:
        store = Path(work) / "store"
        for _ in range(options.rounds):
            for name, rows in runs.items():
                shutil.rmtree(store, ignore_errors=True)
                if options.input:
                    words = [str(options.weir), "read", str(options.input), "--store", str(store)]
                    subprocess.run(words, capture_output=True, check=True)
                os.sync()
                rows.append(measure(options, lab, store, name == "beside"))
    for name, rows in runs.items():
        middle = {key: statistics.median(row[key] or 0 for row in rows) for key in rows[0]}
        print(
            f"{name:<7} sent {middle['sent_per_s'] / 1e6:5.2f} M/s  "
            f"lost {100 * middle['lost_share']:6.3f} %  {middle['queries']:4.0f} queries read "
            f"{middle['read_bytes'] / 1e9:6.2f} GB, "
            f"{middle['disk_bytes'] / 1e9:6.2f} GB of the disk"
        )
    if options.json:
        options.json.write_text(json.dumps(runs, indent=1))


if __name__ == "__main__":
    main()
