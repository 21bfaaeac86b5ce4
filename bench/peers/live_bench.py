#!/usr/bin/env python3
"""Live capture beside its peers: weir, tcpdump, dumpcap, netsniff-ng, suricata, and two bare
references, run in turns in one table.

Method: weir-wire on one core sends into a veth pair at full rate, the capture is pinned to another.
A capture is given 20,000 slow packets first, so that its memory is there; then its CPU time is
read, the traffic runs, and its CPU time is read again when it has become idle: starting and
stopping cost nothing here. Rounds are A, B, A, B..., the median counts. `offered` is what the
capturing device received by its own counters, `captured` what the tool says (in the first round
also what its file holds), `lost` the difference. CPU per packet is per captured packet, user and
system time of all threads of the process; the kernel's own work on a veth pair (softirq) is done on
the sender's core and is not in it, nor is the writeback of tools that write through the page cache.
"""

import argparse
import ctypes
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Optional

import live_tools
from live_tools import Report, Tool
from veth_lab import CAPTURE_LINK, SENDER_LINK, VethLab

ROOT = Path(__file__).resolve().parents[2]
MIXES = ("60", "508", "1514", "imix")
MEAN_BYTES = {"60": 60, "508": 508, "1514": 1514, "imix": 330}
WARM_PACKETS, WARM_RATE = 20_000, 100_000
WANTED_EXTRA_NS = 60
WANTED_OF_TCPDUMP = 0.5
WANTED_OF_DUMPCAP = 0.1
WANTED_OF_RATE = 0.95
WANTED_IDLE = 0.01


def ticks_of(core: int) -> dict:
    """Seconds that a core has spent outside processes, as far as the kernel tells them apart."""
    for line in Path("/proc/stat").read_text().splitlines():
        words = line.split()
        if words[0] == f"cpu{core}":
            tick = os.sysconf("SC_CLK_TCK")
            irq, softirq, steal = (int(word) / tick for word in words[6:9])
            return {"irq_s": irq, "softirq_s": softirq, "steal_s": steal}
    return {}


class Capture:
    """A running tool."""

    def __init__(self, tool: Tool, lab: VethLab, core: int, folder: Path, output: Optional[Path]):
        self.tool = tool
        self.folder = folder
        self.printed = folder / "printed"
        words = [*lab.enter(lab.capture), "taskset", "-c", str(core), *tool.command(folder, output)]
        with open(self.printed, "wb") as sink:
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT
            )
        self.proc = Path(f"/proc/{self.process.pid}")
        self.namespace = os.stat(f"/run/netns/{lab.capture}").st_ino

    def __enter__(self) -> "Capture":
        return self

    def __exit__(self, *_) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def fail(self, what: str) -> None:
        words = self.printed.read_text(errors="replace").strip()
        raise RuntimeError(f"{self.tool.name}: {what}: {words[-600:]}")

    def cpu_s(self) -> float:
        # The CPU clock of another process, with all its threads: see clock_getcpuclockid(3).
        return time.clock_gettime(ctypes.c_int((~self.process.pid << 3) | 2).value)

    def user_and_system(self) -> tuple:
        """In ticks of 10 ms: only good for the share of each."""
        words = (self.proc / "stat").read_text().rsplit(")", 1)[1].split()
        return int(words[11]), int(words[12])

    def peak_rss_kib(self) -> int:
        for line in (self.proc / "status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1])
        return 0

    def received(self) -> int:
        for line in (self.proc / "net/dev").read_text().splitlines():
            name, _, numbers = line.partition(":")
            if name.strip() == CAPTURE_LINK:
                return int(numbers.split()[1])
        return 0

    def has_running_socket(self) -> bool:
        if os.stat(self.proc / "ns/net").st_ino != self.namespace:
            return False
        rows = (self.proc / "net/packet").read_text().splitlines()[1:]
        return any(row.split()[5] == "1" and row.split()[4] != "0" for row in rows)

    def wait_until_ready(self) -> None:
        limit = time.monotonic() + 30
        while not self.has_running_socket():
            if self.process.poll() is not None or time.monotonic() > limit:
                self.fail("did not start")
            time.sleep(0.02)
        self.wait_until_idle(0.2)

    def wait_until_idle(self, least_s: float) -> None:
        """At least so long, and until it has done next to nothing for a while."""
        step_s, busy_s, quiet_wanted = 0.05, 0.002, 3
        begin, quiet, before = time.monotonic(), 0, self.cpu_s()
        while quiet < quiet_wanted or time.monotonic() - begin < least_s:
            time.sleep(step_s)
            if self.process.poll() is not None:
                self.fail("ended by itself")
            now = self.cpu_s()
            quiet = quiet + 1 if now - before < busy_s else 0
            before = now
            if time.monotonic() - begin > least_s + 10:
                return

    def stop(self) -> Report:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.fail("did not stop")
        return self.tool.report(self.folder, self.printed.read_text(errors="replace"))


class Bench:
    def __init__(self, options: argparse.Namespace, lab: VethLab, work: Path):
        self.options = options
        self.lab = lab
        self.work = work
        self.output = options.data / "live-output.bin"

    def send(self, mix: str, **limits) -> dict:
        words = [*self.lab.enter(self.lab.sender), str(self.options.bin / "weir-wire")]
        words += ["--interface", SENDER_LINK, "--size", mix]
        words += ["--core", str(self.options.sender_core)]
        for name, value in limits.items():
            words += [f"--{name}", str(value)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())
        return json.loads(done.stdout)

    def start(self, tool: Tool, output: Optional[Path]) -> Capture:
        self.output.unlink(missing_ok=True)
        os.sync()
        shutil.rmtree(self.work / "tool", ignore_errors=True)
        (self.work / "tool").mkdir()
        capture = Capture(tool, self.lab, self.options.core, self.work / "tool", output)
        try:
            capture.wait_until_ready()
        except BaseException:
            capture.__exit__()
            raise
        return capture

    def measure(
        self, tool: Tool, mix: str, writes: bool, rate: Optional[int] = None, seconds: float = 0
    ) -> dict:
        """One run, at full rate unless one is given."""
        seconds = seconds or self.options.seconds
        limits = {"duration": f"{int(1000 * seconds)}ms"}
        limits["count"] = int(self.options.bytes_max / MEAN_BYTES[mix])
        if rate:
            limits["rate"] = rate
            limits["count"] = min(limits["count"], int(rate * seconds))
        output = self.output if writes else None
        with self.start(tool, output) as capture:
            before = capture.received()
            self.send(mix, count=WARM_PACKETS, rate=WARM_RATE)
            capture.wait_until_idle(tool.patience_s)
            warm = capture.received() - before
            cpu, core = capture.cpu_s(), ticks_of(self.options.core)
            ticks = capture.user_and_system()
            sent = self.send(mix, **limits)
            capture.wait_until_idle(tool.patience_s)
            cpu = capture.cpu_s() - cpu
            core = {k: v - core[k] for k, v in ticks_of(self.options.core).items()}
            offered = capture.received() - before
            user, system = (b - a for a, b in zip(ticks, capture.user_and_system()))
            peak = capture.peak_rss_kib()
            report = capture.stop()
        if report.captured is None:
            capture.fail("said nothing of what it captured")
        result = {
            "offered": offered,
            "captured": report.captured,
            "lost": offered - report.captured,
            "dropped_by_its_word": report.dropped,
            "rate_pps": sent["sent_per_s"],
            "cpu_s": cpu,
            "user_share": user / max(user + system, 1),
            "ns_per_packet": 1e9 * cpu / max(report.captured - warm, 1),
            "peak_rss_kib": peak,
            **core,
        }
        if output and output.exists():
            result["output_bytes"] = output.stat().st_size
        return result

    def check_output(self, tool: Tool, result: dict) -> None:
        reader = shutil.which("capinfos")
        if reader is None or not self.output.exists():
            return
        words = [reader, "-T", "-r", "-M", "-c", str(self.output)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        result["file_packets"] = int(done.stdout.split("\t")[1]) if done.stdout else 0
        if result["file_packets"] != result["captured"]:
            print(
                f"  {tool.name} says {result['captured']} packets, its file holds "
                f"{result['file_packets']}",
                file=sys.stderr,
            )

    def compare(self, mix: str, writes: bool, tools: list) -> dict:
        runs: dict = {tool.name: [] for tool in tools if tool.path}
        for turn in range(self.options.rounds):
            for tool in tools:
                if not tool.path:
                    continue
                result = self.measure(tool, mix, writes)
                if writes and turn == 0:
                    self.check_output(tool, result)
                runs[tool.name].append(result)
        self.output.unlink(missing_ok=True)
        row = {"mix": mix, "mode": "write" if writes else "count", "tools": {}}
        for tool in tools:
            row["tools"][tool.name] = (
                self.figures(runs[tool.name]) if tool.path else {"absent": True}
            )
        return row

    @staticmethod
    def figures(runs: list) -> dict:
        keys = ("offered", "captured", "lost", "rate_pps", "cpu_s", "user_share", "ns_per_packet")
        figures = {key: statistics.median(run[key] for run in runs) for key in keys}
        costs = [run["ns_per_packet"] for run in runs]
        figures["spread"] = (max(costs) - min(costs)) / max(figures["ns_per_packet"], 1e-9)
        figures["lost_share"] = statistics.median(run["lost"] / run["offered"] for run in runs)
        figures["peak_rss_kib"] = max(run["peak_rss_kib"] for run in runs)
        figures["runs"] = runs
        return figures

    def highest_rate(self, tool: Tool, mix: str) -> dict:
        """By bisection: the highest paced rate at which one of two runs loses nothing."""

        def best_of_two(rate: Optional[int]) -> dict:
            first = self.measure(tool, mix, True, rate, self.options.rate_seconds)
            if first["lost"] == 0:
                return first
            return self.measure(tool, mix, True, rate, self.options.rate_seconds)

        full = best_of_two(None)
        if full["lost"] == 0:
            return {"pps": full["rate_pps"], "full_rate": True}
        low, high, best = 0, int(full["rate_pps"]), 0.0
        for _ in range(self.options.rate_steps):
            middle = (low + high) // 2
            result = best_of_two(middle)
            if result["lost"] == 0:
                low, best = middle, max(best, result["rate_pps"])
            else:
                high = middle
        return {"pps": best, "full_rate": False}

    def best_dumpcap(self) -> Tool:
        """The buffer with which it keeps most."""
        tools = [live_tools.dumpcap(mib) for mib in self.options.dumpcap_buffers]
        if not tools[0].path or len(tools) == 1:
            return tools[0]
        return max(tools, key=lambda tool: self.measure(tool, "imix", True)["captured"])

    def idle_share(self, tool: Tool, seconds: float) -> float:
        with self.start(tool, self.output) as capture:
            capture.wait_until_idle(1)
            cpu, begin = capture.cpu_s(), time.monotonic()
            time.sleep(seconds)
            share = (capture.cpu_s() - cpu) / (time.monotonic() - begin)
            capture.stop()
        return share


def print_row(row: dict) -> None:
    what = "written to disk" if row["mode"] == "write" else "counted"
    print(f"\n{row['mix']}, {what}")
    print(
        "                  offered  captured     lost    CPU a packet      CPU a     user     peak"
    )
    print(
        "                    M/s        M/s                            million"
    )
    for name, tool in row["tools"].items():
        if "absent" in tool:
            print(f"  {name:<14} absent")
            continue
        kept = tool["captured"] / tool["offered"]
        print(
            f"  {name:<14} {tool['rate_pps'] / 1e6:7.2f}  {kept * tool['rate_pps'] / 1e6:9.2f}"
            f"  {100 * tool['lost_share']:6.2f} %  {tool['ns_per_packet']:6.0f} ns"
            f" ±{50 * tool['spread']:3.0f} %  {tool['ns_per_packet'] / 1000:6.3f} s"
            f"  {100 * tool['user_share']:4.0f} %  {tool['peak_rss_kib'] / 1024:5.0f} MiB"
        )
    sys.stdout.flush()


def bars(rows: list, rates: dict, idle: Optional[float]) -> list:
    """What issue and docs promise, beside what was measured."""
    table = []

    def add(text: str, wanted: str, measured: str, met: bool) -> None:
        table.append({"what": text, "wanted": wanted, "measured": measured, "met": met})

    def add_cost(mix: str, weir: dict, peer: Optional[dict], name: str, wanted: float) -> None:
        if not peer or "absent" in peer:
            return
        part = weir["ns_per_packet"] / peer["ns_per_packet"]
        add(f"{mix}: CPU a packet, of {name}'s", f"<= {wanted}", f"{part:.2f}", part <= wanted)

    for row in rows:
        tools, mix = row["tools"], row["mix"]
        weir, writer = tools.get("weir", {}), tools.get("bare-write", {})
        if row["mode"] != "write" or "ns_per_packet" not in weir:
            continue
        if "ns_per_packet" in writer:
            extra = weir["ns_per_packet"] - writer["ns_per_packet"]
            wanted = f"<= {WANTED_EXTRA_NS} ns"
            text = f"{mix}: CPU a packet beyond the bare writer's"
            add(text, wanted, f"{extra:.0f} ns", extra <= WANTED_EXTRA_NS)
            if writer["lost"] == 0:
                add(f"{mix}: lost", "0", f"{weir['lost']:.0f}", weir["lost"] == 0)
        if mix == "imix":
            add_cost(mix, weir, tools.get("tcpdump"), "tcpdump", WANTED_OF_TCPDUMP)
            add_cost(mix, weir, tools.get("tcpdump -B"), "tcpdump -B", WANTED_OF_TCPDUMP)
            add_cost(mix, weir, tools.get("dumpcap"), "dumpcap", WANTED_OF_DUMPCAP)
    for mix, found in rates.items():
        weir = found.get("weir")
        for name, peer in found.items():
            if name == "weir" or not weir or "absent" in peer:
                continue
            text = f"{mix}: highest rate without a drop, of {name}'s"
            least = WANTED_OF_RATE if name == "bare-write" else 1.0
            part = weir["pps"] / max(peer["pps"], 1)
            if weir["full_rate"]:  # nothing faster was sent: its own noise decides nothing
                add(text, f">= {least}", "both all" if peer["full_rate"] else f"{part:.2f}", True)
            else:
                add(text, f">= {least}", f"{part:.2f}", part >= least)
    if idle is not None:
        text = "idle: share of a core"
        add(text, f"< {WANTED_IDLE:.0%}", f"{idle:.3%}", idle < WANTED_IDLE)
    return table


def print_rates(mix: str, found: dict) -> None:
    print(f"\n{mix}, written to disk: highest rate without a drop")
    for name, rate in found.items():
        if "absent" in rate:
            print(f"  {name:<14} absent")
            continue
        note = " (all that the generator sends)" if rate["full_rate"] else ""
        print(f"  {name:<14} {rate['pps'] / 1e6:6.2f} M/s{note}")
    sys.stdout.flush()


def file_system_of(folder: Path) -> str:
    words = ["stat", "-f", "-c", "%T", str(folder)]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def parse_options() -> argparse.Namespace:
    cores = sorted(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weir", type=Path, default=ROOT / "build/release/bin/weir")
    parser.add_argument("--bin", type=Path, default=ROOT / "build/bench/bin", help="the helpers")
    parser.add_argument("--data", type=Path, default=ROOT / "build/bench-data", help="on a disk")
    parser.add_argument("--suricata", default=shutil.which("suricata"), help="its program")
    parser.add_argument("--core", type=int, default=cores[-1], help="of the captures")
    parser.add_argument("--sender-core", type=int, default=cores[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of traffic in a run")
    parser.add_argument("--bytes-max", type=float, default=2e9, help="of frames in a run")
    parser.add_argument("--rate-seconds", type=float, default=1.5)
    parser.add_argument("--rate-steps", type=int, default=6)
    parser.add_argument("--rate-mix", action="append", choices=MIXES, help="default: imix")
    parser.add_argument("--idle-seconds", type=float, default=10.0)
    parser.add_argument("--mix", action="append", choices=MIXES, help="may be repeated")
    parser.add_argument("--only", action="append", choices=("write", "count", "rate", "idle"))
    parser.add_argument("--tool", action="append", help="only these beside weir; may be repeated")
    parser.add_argument("--quick", action="store_true", help="three short rounds, in 4 minutes")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    options.dumpcap_buffers = (2, 64, 256)
    if options.quick:
        options.rounds, options.seconds, options.rate_steps = 3, 0.5, 4
        options.rate_seconds, options.idle_seconds = 1.0, 3.0
        options.dumpcap_buffers = (live_tools.RING_MIB,)
    return options


def check_machine(options: argparse.Namespace) -> None:
    if os.geteuid() != 0:
        sys.exit("live_bench: not root (it makes network namespaces and loads BPF programs)")
    if options.core == options.sender_core:
        sys.exit("live_bench: captures and sender share a core (two are needed)")
    helpers = ("weir-wire", "bare-count", "bare-write")
    missing = [name for name in helpers if not (options.bin / name).exists()]
    if missing:
        sys.exit(
            f"live_bench: {', '.join(missing)} not in {options.bin} "
            "(cmake --preset bench && cmake --build --preset bench)"
        )
    options.data.mkdir(parents=True, exist_ok=True)
    options.file_system = file_system_of(options.data)
    if options.file_system in ("tmpfs", "ramfs"):
        sys.exit(f"live_bench: {options.data} is no disk but {options.file_system} (--data FOLDER)")
    free = shutil.disk_usage(options.data).free
    if free < 3 * options.bytes_max:
        sys.exit(
            f"live_bench: {free} bytes free in {options.data} (3 times --bytes-max are needed)"
        )


def measure_all(bench: Bench, options: argparse.Namespace) -> dict:
    def wanted(part: str) -> bool:
        return not options.only or part in options.only

    def chosen(tools: list) -> list:
        return [t for t in tools if not options.tool or t.name in (*options.tool, "weir")]

    weir = live_tools.weir(options.weir)
    tcpdumps = [
        live_tools.tcpdump("tcpdump", None),
        live_tools.tcpdump("tcpdump -B", live_tools.RING_MIB),
    ]
    writer = live_tools.bare(options.bin / "bare-write")
    counter = live_tools.bare(options.bin / "bare-count")
    netsniff = live_tools.netsniff_ng()
    suricata = live_tools.suricata(options.suricata)
    measures_dumpcap = not options.tool or "dumpcap" in options.tool
    dumpcap = bench.best_dumpcap() if measures_dumpcap else live_tools.dumpcap(64)
    store = live_tools.weir_store(options.weir)
    writers = chosen([weir, store, writer, *tcpdumps, dumpcap, netsniff])
    logs = live_tools.weir_logs(options.weir)
    counters = chosen([weir, logs, counter, *tcpdumps, netsniff, suricata])

    result: dict = {"rows": [], "rates": {}, "idle": None}
    for mix in options.mix or MIXES:
        if wanted("write"):
            result["rows"].append(bench.compare(mix, True, writers))
            print_row(result["rows"][-1])
        if wanted("count") and not (options.quick and mix != "imix"):
            tools = counters if mix == "imix" else chosen([weir, counter])
            result["rows"].append(bench.compare(mix, False, tools))
            print_row(result["rows"][-1])
    if wanted("rate"):
        tools = chosen([weir, writer, tcpdumps[1]]) if options.quick else writers
        for mix in options.rate_mix or ("imix",):
            result["rates"][mix] = {
                tool.name: bench.highest_rate(tool, mix) if tool.path else {"absent": True}
                for tool in tools
            }
            print_rates(mix, result["rates"][mix])
    if wanted("idle") and weir.path:
        result["idle"] = bench.idle_share(weir, options.idle_seconds)
    result["settings"] = {t.name: t.setting for t in {*writers, *counters}}
    return result


def main() -> None:
    options = parse_options()
    check_machine(options)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    os.sched_setaffinity(0, {options.sender_core})
    print(
        f"captures on core {options.core}, sender on core {options.sender_core}; {options.rounds} "
        f"rounds of {options.seconds} s or {options.bytes_max / 1e9:.1f} GB; files on "
        f"{options.file_system} ({options.data})"
    )
    with tempfile.TemporaryDirectory() as work, VethLab() as lab:
        bench = Bench(options, lab, Path(work))
        try:
            result = measure_all(bench, options)
        finally:
            bench.output.unlink(missing_ok=True)
    result["bars"] = bars(result["rows"], result["rates"], result["idle"])
    if result["bars"]:
        print("\nwanted and measured")
    for bar in result["bars"]:
        met = "met" if bar["met"] else "NOT MET"
        print(f"  {bar['what']:<55} {bar['wanted']:>9}  {bar['measured']:>8}  {met}")
    if options.json:
        head = {"schema": 1, "kernel": os.uname().release, "rounds": options.rounds}
        head |= {"seconds": options.seconds, "file_system": options.file_system}
        head |= {"core": options.core, "sender_core": options.sender_core}
        options.json.write_text(json.dumps(head | result, indent=1) + "\n")


if __name__ == "__main__":
    main()
