"""The captures that live_bench.py compares: their commands at the settings that suit each best, and
how to read what they say at the end."""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

from veth_lab import CAPTURE_LINK

RING_MIB = 64  # weir's default


@dataclass
class Report:
    """What a tool says of itself: packets that it delivered or wrote, and that it lost."""

    captured: Optional[int]
    dropped: Optional[int]


@dataclass(eq=False)
class Tool:
    name: str
    path: Optional[str]  # None: not installed
    command: Callable[[Path, Optional[Path]], list]  # (folder for itself, output) -> words
    report: Callable[[Path, str], Report]  # (that folder, all it printed)
    setting: str  # what is not its default
    # How long a packet may lie in its ring before it looks: the time limit of libpcap's blocks.
    patience_s: float = 0.2


def number(pattern: str, text: str) -> Optional[int]:
    found = re.search(pattern, text)
    return int(found[1]) if found else None


def weir(path: Path) -> Tool:
    def command(folder: Path, output: Optional[Path]) -> list:
        words = [str(path), "capture", "-i", CAPTURE_LINK, "--stats-json", str(folder / "stats")]
        return words + (["-w", str(output)] if output else [])

    def report(folder: Path, _printed: str) -> Report:
        stats = json.loads((folder / "stats").read_text())
        lost = sum(stats["dropped"].values())
        outputs = stats.get("outputs", [])
        captured = outputs[0]["written"] if outputs else stats["accepted"]
        return Report(captured, lost + sum(sum(o["lost"].values()) for o in outputs))

    return Tool("weir", str(path) if path.exists() else None, command, report, "none")


def weir_logs(path: Path) -> Tool:
    """weir, following flows too."""
    plain = weir(path)

    def command(folder: Path, output: Optional[Path]) -> list:
        return plain.command(folder, output) + ["--logs", str(folder / "logs"), "--overwrite"]

    def report(folder: Path, _printed: str) -> Report:
        stats = json.loads((folder / "stats").read_text())
        return Report(stats["accepted"], sum(stats["dropped"].values()))

    return Tool("weir --logs", plain.path, command, report, "none")


def weir_store(path: Path) -> Tool:
    """weir, into a packet store instead of a plain file."""
    plain = weir(path)

    def command(folder: Path, _output: Optional[Path]) -> list:
        return plain.command(folder, None) + ["--store", str(folder / "packets")]

    return Tool("weir --store", plain.path, command, plain.report, "none")


def bare(path: Path) -> Tool:
    def command(_folder: Path, output: Optional[Path]) -> list:
        return [str(path), CAPTURE_LINK] + ([str(output)] if output else [])

    def report(_folder: Path, printed: str) -> Report:
        return Report(number(r'"captured": (\d+)', printed), number(r'"dropped": (\d+)', printed))

    found = str(path) if path.exists() else None
    return Tool(path.name, found, command, report, f"ring of {RING_MIB} MiB")


def tcpdump(name: str, buffer_mib: Optional[int]) -> Tool:
    path = shutil.which("tcpdump")

    def command(_folder: Path, output: Optional[Path]) -> list:
        words = [path, "-i", CAPTURE_LINK, "-n", "-Z", "root"]
        words += ["-B", str(buffer_mib * 1024)] if buffer_mib else []
        return words + (["-w", str(output)] if output else ["--count"])

    def report(_folder: Path, printed: str) -> Report:
        return Report(
            number(r"(\d+) packets? captured", printed),
            number(r"(\d+) packets? dropped by kernel", printed),
        )

    return Tool(name, path, command, report, f"-B {buffer_mib} MiB" if buffer_mib else "none", 1.2)


def dumpcap(buffer_mib: int) -> Tool:
    path = shutil.which("dumpcap")

    def command(_folder: Path, output: Optional[Path]) -> list:
        return [path, "-q", "-i", CAPTURE_LINK, "-B", str(buffer_mib), "-w", str(output)]

    def report(_folder: Path, printed: str) -> Report:
        captured = number(r"Packets captured: (\d+)", printed)
        received = re.search(r"received/dropped on interface '[^']*': (\d+)/(\d+)", printed)
        return Report(captured, int(received[2]) if received else None)

    return Tool("dumpcap", path, command, report, f"-B {buffer_mib}", 0.5)


def netsniff_ng() -> Tool:
    path = shutil.which("netsniff-ng")

    def command(_folder: Path, output: Optional[Path]) -> list:
        words = [path, "-i", CAPTURE_LINK, "-s", "-N", "-Q", "-S", f"{RING_MIB}MiB"]
        return words + (["-o", str(output)] if output else [])

    def report(_folder: Path, printed: str) -> Report:
        return Report(
            number(r"(\d+)\s+packets passed filter", printed),
            number(r"(\d+)\s+packets failed filter", printed),
        )

    return Tool("netsniff-ng", path, command, report, f"-S {RING_MIB}MiB -N -Q")


SURICATA_SETTINGS = f"""%YAML 1.1
---
default-log-dir: FOLDER
runmode: workers
stats: {{enabled: yes, interval: 3600}}
outputs: []
classification-file: FOLDER/empty
reference-config-file: FOLDER/empty
logging:
  default-log-level: notice
  outputs:
    - console: {{enabled: yes}}
capture:
  disable-offloading: false
af-packet:
  - interface: {CAPTURE_LINK}
    threads: 1
    cluster-id: 99
    cluster-type: cluster_flow
    defrag: no
    use-mmap: yes
    tpacket-v3: yes
    block-size: {1 << 20}
    ring-size: 32768
    checksum-checks: no
"""


def suricata(path: Optional[str]) -> Tool:
    """Counts only: without rules and without logs, it decodes packets and follows flows."""

    def command(folder: Path, _output: Optional[Path]) -> list:
        settings = folder / "suricata.yaml"
        settings.write_text(SURICATA_SETTINGS.replace("FOLDER", str(folder)))
        (folder / "empty").touch()
        words = [path, "-c", str(settings), "-S", str(folder / "empty"), "-l", str(folder)]
        return words + [f"--af-packet={CAPTURE_LINK}"]

    def report(_folder: Path, printed: str) -> Report:
        found = re.search(r"packets: (\d+), drops: (\d+)", printed)
        if not found:
            return Report(None, None)
        return Report(int(found[1]) - int(found[2]), int(found[2]))

    return Tool("suricata", path, command, report, "no rules, no logs, one worker")
