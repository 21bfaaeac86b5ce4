"""Captures that are hard on a flow table, written as pcap: floods, scans, fragments, tenants.

Each is a generator of (seconds, frame); the first packets are alike in nothing that a table could
use. Seeded: the same capture every time.
"""

import random
import struct
from pathlib import Path

ETHERNET = b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\0"


def ipv4(source: int, destination: int, protocol: int, payload: bytes, ident=0, fragment=0):
    header = struct.pack(
        "!BBHHHBBHII",
        *(0x45, 0, 20 + len(payload), ident, fragment, 64, protocol, 0, source, destination),
    )
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return header[:10] + struct.pack("!H", 0xFFFF - total) + header[12:] + payload


def tcp(source: int, destination: int, sequence: int, flags: int) -> bytes:
    return struct.pack("!HHIIBBHHH", source, destination, sequence, 0, 0x50, flags, 8192, 0, 0)


def udp(source: int, destination: int, payload: bytes) -> bytes:
    return struct.pack("!HHHH", source, destination, 8 + len(payload), 0) + payload


def syn_flood(count: int):
    """SYNs of forged senders to one server, a million a second."""
    rng = random.Random(1)
    for i in range(count):
        segment = tcp(rng.getrandbits(16), 80, rng.getrandbits(32), 2)
        yield i * 1e-6, ETHERNET + ipv4(rng.getrandbits(32), 0x0A000001, 6, segment)


def port_scan(count: int):
    """One host tries every port of a network."""
    for i in range(count):
        segment = tcp(40000, i & 0xFFFF, i, 2)
        yield i * 1e-6, ETHERNET + ipv4(0xC0A80001, 0x0A000000 + (i >> 16), 6, segment)


def one_packet_flows(count: int):
    """UDP of which no packet belongs to the one before."""
    rng = random.Random(2)
    for i in range(count):
        datagram = udp(rng.getrandbits(16) | 1, rng.getrandbits(16) | 1, b"x" * 32)
        yield i * 1e-6, ETHERNET + ipv4(rng.getrandbits(32), rng.getrandbits(32), 17, datagram)


def fragments(count: int):
    """Tiny and overlapping fragments of datagrams that never become whole."""
    rng = random.Random(3)
    for i in range(count):
        offset = rng.randrange(0, 200)
        packet = ipv4(
            0x0A000000 + rng.getrandbits(8), 0x0A010001, 17, b"y" * 8 * rng.randrange(1, 4),
            ident=rng.getrandbits(14), fragment=0x2000 | offset,
        )
        yield i * 1e-6, ETHERNET + packet


def lying_sequences(count: int):
    """A few connections whose sequence numbers jump at random."""
    rng = random.Random(4)
    for i in range(count):
        flow = rng.randrange(64)
        segment = tcp(1024 + flow, 80, rng.getrandbits(32), 0x10) + b"z" * 32
        yield i * 1e-6, ETHERNET + ipv4(0x0A000002, 0x0A000003, 6, segment)


def tenants(count: int):
    """The same addresses under 100,000 VXLAN network identifiers."""
    rng = random.Random(5)
    inner = ETHERNET + ipv4(0x0A000002, 0x0A000003, 17, udp(5000, 5001, b"t" * 16))
    for i in range(count):
        vxlan = struct.pack("!II", 0x08000000, rng.randrange(100_000) << 8) + inner
        yield i * 1e-6, ETHERNET + ipv4(0xC0A80002, 0xC0A80003, 17, udp(50000, 4789, vxlan))


def time_goes_back(count: int):
    """Ordinary flows, each packet a second before the last one."""
    for i in range(count):
        datagram = udp(1024 + i % 1000, 53, b"b" * 32)
        yield 1e6 - i, ETHERNET + ipv4(0x0A000002, 0x0A000003, 17, datagram)


KINDS = {
    "SYN flood": syn_flood,
    "port scan": port_scan,
    "one-packet flows": one_packet_flows,
    "fragments": fragments,
    "lying sequence numbers": lying_sequences,
    "100,000 tenants": tenants,
    "time going back": time_goes_back,
}


def write(path: Path, kind: str, count: int) -> None:
    base = 1_700_000_000
    with open(path, "wb", buffering=1 << 20) as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for seconds, frame in KINDS[kind](count):
            whole = int(seconds)
            record = struct.pack(
                "<IIII", base + whole, int((seconds - whole) * 1e6), len(frame), len(frame)
            )
            file.write(record + frame)
