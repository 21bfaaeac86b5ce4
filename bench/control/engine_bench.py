#!/usr/bin/env python3
"""An engine under load: reloads, scrapes and status requests while packets flow.

  engine_bench.py --weir build/bench/bin/weir --api-bench build/bench/bin/api_bench [--json FILE]

Needs the right to make network namespaces (root). Prints milliseconds and rates of one run.
"""

import argparse
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str):
        super().__init__("weir")
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def configuration(folder: Path, sessions: int, rules: int, shift: int) -> str:
    text = (
        f'[engine]\nstate_dir = "{folder}/state"\n[control]\nsocket = "{folder}/s"\n'
        '[[interface]]\nname = "tap"\nring = "64MiB"\n'
    )
    for i in range(sessions):
        text += f'[[session]]\nname = "s{i}"\nfilter = "udp port {1000 + i + shift}"\n'
        for k in range(rules // sessions + (1 if i < rules % sessions else 0)):
            text += (
                f'[[session.rule]]\nnet = "10.{i}.{k % 250}.0/24"\n'
                f'port = {1 + k + shift}\naction = "accept"\n'
            )
    return text


def traffic(folder: Path, stop: threading.Event) -> int:
    """Packets sent from inside the namespace, at a pace that no ring loses."""
    code = (
        "import socket,sys,time\n"
        "s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW);s.bind(('tap',0))\n"
        "f=bytes.fromhex('020000000002020000000001080045000020000100004011000"
        "00a0000010a00000230390035000c0000')+b'weir'\n"
        "n=0\n"
        "while not sys.stdin.closed and n<10**9:\n"
        "  for _ in range(100): s.send(f)\n"
        "  n+=100\n"
        "  print(n,flush=True)\n"
        "  time.sleep(0.002)\n"
    )
    process = subprocess.Popen(
        ["ip", "netns", "exec", "weir-bench", "python3", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    sent = 0
    for line in process.stdout:
        sent = int(line)
        if stop.is_set():
            process.kill()
            break
    process.wait()
    return sent


def request(connection: UnixConnection, method: str, target: str) -> bytes:
    connection.request(method, target)
    return connection.getresponse().read()


def changes(connection: UnixConnection) -> str:
    times = []
    for i in range(200):
        begin = time.monotonic()
        request(connection, "POST", f"/v1/sessions/s0/{('pause', 'resume')[i % 2]}")
        times.append((time.monotonic() - begin) * 1000)
    return f"median {statistics.median(times):.2f}, max {max(times):.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weir", required=True)
    parser.add_argument("--api-bench", required=True)
    parser.add_argument("--json")
    options = parser.parse_args()
    run = lambda *words: subprocess.run(words, check=True)
    run("ip", "netns", "add", "weir-bench")
    try:
        ip = ("ip", "-n", "weir-bench", "link")
        run(*ip, "add", "tap", "type", "veth", "peer", "name", "far")
        run(*ip, "set", "tap", "up")
        run(*ip, "set", "far", "up")
        with tempfile.TemporaryDirectory() as name:
            results = measure(Path(name), options.weir, options.api_bench)
    finally:
        run("ip", "netns", "del", "weir-bench")
    for key, value in results.items():
        print(f"{key:28} {value}")
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1) + "\n")


def measure(folder: Path, weir: str, api_bench: str) -> dict:
    file = folder / "weir.toml"
    texts = [configuration(folder, 64, 1000, shift) for shift in (0, 100)]
    file.write_text(texts[0])
    ready, child = os.pipe()
    engine = subprocess.Popen(
        ["ip", "netns", "exec", "weir-bench", weir, "run", "-c", str(file), "--ready-fd",
         str(child), "--stats-json", str(folder / "stats.json")],
        pass_fds=[child],
        stderr=subprocess.DEVNULL,
    )
    os.close(child)
    os.read(ready, 1)
    stop = threading.Event()
    sent: list[int] = []
    sender = threading.Thread(target=lambda: sent.append(traffic(folder, stop)))
    sender.start()
    connection = UnixConnection(str(folder / "s"))
    reloads = []
    for i in range(30):
        file.write_text(texts[(i + 1) % 2])
        begin = time.monotonic()
        answer = json.loads(request(connection, "POST", "/v1/config/reload"))
        reloads.append((time.monotonic() - begin) * 1000)
        assert "generation" in answer, answer
    # The answer comes when every worker has taken the change.
    awake = changes(connection)
    requests = subprocess.run(
        [api_bench, "5000", "8", "5", str(folder / "s")], check=True, capture_output=True, text=True
    ).stdout
    # Every rule has two series.
    file.write_text(configuration(folder, 64, 5000, 0))
    request(connection, "POST", "/v1/config/reload")
    scrapes = []
    series = 0
    for _ in range(20):
        begin = time.monotonic()
        body = request(connection, "GET", "/metrics")
        scrapes.append((time.monotonic() - begin) * 1000)
        series = sum(1 for line in body.decode().splitlines() if not line.startswith("#"))
    stop.set()
    sender.join()
    asleep = changes(connection)
    engine.send_signal(signal.SIGTERM)
    engine.wait()
    stats = json.loads((folder / "stats.json").read_text())
    return {
        "reload_ms_median": round(statistics.median(reloads), 1),
        "reload_ms_max": round(max(reloads), 1),
        "change_ms_awake": awake,
        "change_ms_asleep": asleep,
        "status_requests": requests.strip(),
        "scrape_series": series,
        "scrape_ms_median": round(statistics.median(scrapes), 1),
        "sent": sent[0],
        "received": stats["received"],
        "dropped": stats["dropped"],
    }


if __name__ == "__main__":
    main()
