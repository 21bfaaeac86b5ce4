#!/usr/bin/env python3
"""How soon an engine reacts while packets flow: to pressure, and to what is forbidden from now on.

  reaction_bench.py --weir build/bench/bin/weir [--rounds N] [--json FILE]

Needs root: network namespaces, and a cgroup of its own below the one that it runs in.

relief: at a known moment the limit of the engine's cgroup falls, so that much of it is taken;
until the event that says that the last of its sessions has been relieved.
policy: the next version of a signed document is in force; until the last worker acts by it.
policy_request: the same, from the request to load it on.
sources_request: a reload that changes [security.sources]; until the answer, which comes when the
last worker acts by it.
Milliseconds, with 1 and with 64 sessions. machine: how late somebody else who slept was woken up
at the same time.
"""

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from engine_bench import UnixConnection, request, traffic

NAMESPACE = "weir-bench"
PRESSURE = (
    '[pressure]\nstep_interval = "20ms"\nrecover_after = "100ms"\nmemory = ["truncate 128"]\n'
)


class Cgroup:
    """Whose memory can be limited, of whichever version has the memory here."""

    def __init__(self):
        parent, self.version_1 = self.find_parent()
        self.path = parent / f"weir-bench-{os.getpid()}"
        self.path.mkdir()
        self.limit_file = "memory.limit_in_bytes" if self.version_1 else "memory.max"

    @staticmethod
    def find_parent() -> tuple[Path, bool]:
        version_2 = "/"
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if "memory" in controllers.split(","):
                return Path("/sys/fs/cgroup/memory" + path), True
            if not controllers:
                version_2 = path
        # One that has processes cannot hand out memory, but one above it does.
        here = Path("/sys/fs/cgroup" + version_2)
        while here != Path("/sys/fs"):
            control = here / "cgroup.subtree_control"
            if control.exists() and "memory" in control.read_text().split():
                return here, False
            here = here.parent
        raise SystemExit("no cgroup whose children have a limit of memory")

    def enter(self) -> None:
        (self.path / "cgroup.procs").write_text("0")

    def fill(self, megabytes: int) -> None:
        """So that what an engine takes meanwhile does not move the level."""
        code = f"x = bytearray({megabytes} << 20); print(flush=True); input()"
        self.filler = subprocess.Popen(
            ["python3", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=self.enter,
        )
        self.filler.stdout.readline()

    def end_processes(self) -> None:
        for process in (self.path / "cgroup.procs").read_text().split():
            os.kill(int(process), signal.SIGKILL)
        self.filler.wait()

    def taken(self) -> int:
        name = "memory.usage_in_bytes" if self.version_1 else "memory.current"
        rows = (line.split() for line in (self.path / "memory.stat").read_text().splitlines())
        files = sum(int(n) for key, n in rows if key in ("inactive_file", "active_file"))
        return int((self.path / name).read_text()) - files

    def limit(self, bytes_max: int | None) -> None:
        none = "-1" if self.version_1 else "max"
        (self.path / self.limit_file).write_text(str(bytes_max or none))

    def remove(self) -> None:
        for _ in range(100):  # a process that was waited for goes a moment later
            try:
                return self.path.rmdir()
            except OSError:
                time.sleep(0.01)
        raise SystemExit(f"{self.path} stays")


class Machine:
    """How late the same machine wakes up who sleeps for a millisecond, by a process of its own:
    what of a figure is not the engine's."""

    def __init__(self):
        code = (
            "import select,sys,time\nlate=[]\n"
            "while not select.select([sys.stdin],[],[],0)[0]:\n"
            "  begin=time.monotonic()\n  time.sleep(0.001)\n"
            "  late.append(time.monotonic()-begin-0.001)\n"
            "print(late)\n"
        )
        self.process = subprocess.Popen(
            ["python3", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def late(self) -> list[float]:
        return json.loads(self.process.communicate("end\n")[0])


class Events:
    """Those of these kinds, as they come: (kind, seconds since 1970, fields)."""

    def __init__(self, socket_path: str, kinds: tuple):
        self.seen: list[tuple[str, float, dict]] = []
        self.news = threading.Condition()
        self.connection = UnixConnection(socket_path)
        self.connection.request("GET", "/v1/events")
        self.answer = self.connection.getresponse()
        self.kinds = kinds
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        while line := self.answer.readline():
            if not line.startswith(b"data: "):
                continue
            event = json.loads(line[6:])
            assert "missed" not in event, "events came too fast"
            if event["kind"] not in self.kinds:
                continue
            with self.news:
                self.seen.append((event["kind"], float(event["time"]), event["fields"]))
                self.news.notify()

    def take(self, count: int) -> list:
        """The next so many."""
        with self.news:
            if not self.news.wait_for(lambda: len(self.seen) >= count, timeout=30):
                raise SystemExit(f"{len(self.seen)} of {count} events: {self.seen[-3:]}")
            taken, self.seen = self.seen[:count], self.seen[count:]
            return taken


class Engine:
    def __init__(self, folder: Path, weir: str, text: str, cgroup: Cgroup | None = None):
        self.folder = folder
        self.file = folder / "weir.toml"
        self.head = (
            f'[engine]\nstate_dir = "{folder}/state"\n[control]\nsocket = "{folder}/s"\n'
            '[[interface]]\nname = "tap"\nring = "64MiB"\n'
        )
        self.configure(text)
        ready, child = os.pipe()
        # `ip netns exec` would give it a /sys without cgroups.
        self.process = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{NAMESPACE}", weir, "run", "-c", str(self.file),
             "--ready-fd", str(child), "--stats-json", str(folder / "stats.json")],
            pass_fds=[child],
            stderr=subprocess.DEVNULL,
            preexec_fn=cgroup.enter if cgroup else None,
        )
        os.close(child)
        if os.read(ready, 1) == b"":
            raise SystemExit("the engine did not start")
        os.close(ready)
        self.stop_traffic = threading.Event()
        self.sender = threading.Thread(target=lambda: traffic(folder, self.stop_traffic))
        self.sender.start()
        self.connection = UnixConnection(str(folder / "s"))

    def configure(self, text: str) -> None:
        self.file.write_text(self.head + text)

    def reload(self) -> float:
        begin = time.monotonic()
        answer = json.loads(request(self.connection, "POST", "/v1/config/reload"))
        took = time.monotonic() - begin
        assert "generation" in answer, answer
        return took

    def end(self) -> None:
        self.stop_traffic.set()
        self.sender.join()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        stats = json.loads((self.folder / "stats.json").read_text())
        assert stats["received"] > 0, stats


def sessions_text(count: int) -> str:
    return "".join(
        f'[[session]]\nname = "s{i}"\nfilter = "udp port {1000 + i}"\n' for i in range(count)
    )


def relief(folder: Path, weir: str, sessions: int, rounds: int) -> dict:
    cgroup = Cgroup()
    try:
        cgroup.fill(256)
        engine = Engine(folder, weir, PRESSURE + sessions_text(sessions), cgroup)
        events = Events(str(folder / "s"), ("relief_changed",))
        times = []
        for _ in range(rounds):
            time.sleep(random.uniform(0.02, 0.04))
            limit = cgroup.taken() * 100 // 88
            begin = time.time()
            cgroup.limit(limit)
            told = events.take(sessions)
            assert all(fields["to"] == "truncate 128" for _, _, fields in told), told
            times.append(max(when for _, when, _ in told) - begin)
            # Without a limit what was learnt is forgotten, and the way back takes no patience.
            cgroup.limit(None)
            told = events.take(sessions)
            assert all(fields["to"] == "none" for _, _, fields in told), told
        engine.end()
        return {"relief": times}
    finally:
        cgroup.end_processes()
        cgroup.remove()


def sources(folder: Path, weir: str, sessions: int, rounds: int) -> dict:
    texts = [
        f'[security.sources]\ndeny_nets = ["{net}"]\n' + sessions_text(sessions)
        for net in ("198.51.100.0/24", "203.0.113.0/24")
    ]
    engine = Engine(folder, weir, texts[0])
    times = []
    for i in range(rounds):
        engine.configure(texts[(i + 1) % 2])
        times.append(engine.reload())
    engine.end()
    return {"sources_request": times}


def policy(folder: Path, weir: str, sessions: int, rounds: int) -> dict:
    def run(*words) -> None:
        subprocess.run([weir, "policy", *words], check=True, stdout=subprocess.DEVNULL)

    now = time.time()
    utc = lambda when: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))
    run("keygen", str(folder / "policy"))
    for version in range(1, rounds + 2):
        document = folder / f"{version}.toml"
        document.write_text(
            f"version = {version}\nissued = {utc(now - 3600)}\nexpires = {utc(now + 86400)}\n"
            f'[sources]\ndeny_nets = ["198.51.{version % 250}.0/24"]\n'
        )
        run("sign", str(document), "--key", str(folder / "policy.key"))
    put = lambda version: [
        os.replace(folder / f"{version}.toml{end}", folder / f"policy.toml{end}")
        for end in ("", ".sig")
    ]
    put(1)
    engine = Engine(
        folder,
        weir,
        f'[security]\npolicy = "{folder}/policy.toml"\npolicy_key = "{folder}/policy.pub"\n'
        + sessions_text(sessions),
    )
    events = Events(str(folder / "s"), ("policy_loaded", "policy_enforced"))
    times = []
    request_times = []
    for version in range(2, rounds + 2):
        put(version)
        begin = time.time()
        engine.reload()
        (loaded, loaded_at, _), (enforced, enforced_at, fields) = events.take(2)
        assert (loaded, enforced) == events.kinds, (loaded, enforced)
        assert fields["version"] == str(version), fields
        times.append(enforced_at - loaded_at)
        request_times.append(enforced_at - begin)
    engine.end()
    return {"policy": times, "policy_request": request_times}


def row(times: list[float]) -> dict:
    ordered = sorted(1000 * seconds for seconds in times)
    return {
        "rounds": len(ordered),
        "p50_ms": round(statistics.median(ordered), 2),
        "p99_ms": round(ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)], 2),
        "max_ms": round(ordered[-1], 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weir", required=True)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--json")
    options = parser.parse_args()
    run = lambda *words: subprocess.run(words, check=True)
    run("ip", "netns", "add", NAMESPACE)
    results = {}
    try:
        ip = ("ip", "-n", NAMESPACE, "link")
        run(*ip, "add", "tap", "type", "veth", "peer", "name", "far")
        run(*ip, "set", "tap", "up")
        run(*ip, "set", "far", "up")
        for measure in (relief, policy, sources):
            for sessions in (1, 64):
                machine = Machine()
                with tempfile.TemporaryDirectory() as name:
                    measured = measure(Path(name), options.weir, sessions, options.rounds)
                measured[f"machine_{measure.__name__}"] = machine.late()
                for what, times in measured.items():
                    key = f"{what}_{sessions}"
                    results[key] = row(times)
                    print(f"{key:19} {results[key]}", flush=True)
    finally:
        run("ip", "netns", "del", NAMESPACE)
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
