"""Two network namespaces joined by a veth pair, for live benchmarks: weir-wire sends in one,
captures run in the other. They are named after this process and removed at its end; what a killed
run left behind is removed by the next."""

import os
import re
import subprocess
import sys

SENDER_LINK = "wire0"
CAPTURE_LINK = "tap0"
PREFIX = "weir-live-"

# Generic receive offload gives a veth end the queue that live frames go into. As an ioctl, because
# ethtool is not installed everywhere.
SET_GRO = """
import ctypes, fcntl, socket, struct, sys
value = ctypes.create_string_buffer(struct.pack("II", 0x2c, 1))  # ETHTOOL_SGRO, on
request = struct.pack("16sP", sys.argv[1].encode(), ctypes.addressof(value))
fcntl.ioctl(socket.socket(), 0x8946, request.ljust(40, bytes(1)))  # SIOCETHTOOL
"""


def run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


class VethLab:
    def __init__(self) -> None:
        self.sender = f"{PREFIX}{os.getpid()}-sender"
        self.capture = f"{PREFIX}{os.getpid()}-capture"

    def __enter__(self) -> "VethLab":
        self.remove_leftovers()
        try:
            for namespace in (self.sender, self.capture):
                run("ip", "netns", "add", namespace)
            peer = ("peer", "name", CAPTURE_LINK, "netns", self.capture)
            run("ip", "-n", self.sender, "link", "add", "name", SENDER_LINK, "type", "veth", *peer)
            for namespace, link in self.ends():
                # No IPv6 address: the host sends nothing by itself.
                run("ip", "-n", namespace, "link", "set", link, "addrgenmode", "none")
                run("ip", "-n", namespace, "link", "set", link, "up")
            run(*self.enter(self.capture), sys.executable, "-c", SET_GRO, CAPTURE_LINK)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        for namespace in (self.sender, self.capture):
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True, check=False)

    def ends(self) -> tuple:
        return ((self.sender, SENDER_LINK), (self.capture, CAPTURE_LINK))

    @staticmethod
    def enter(namespace: str) -> list:
        """The words in front of a command that run it in there, in the same process."""
        return ["ip", "netns", "exec", namespace]

    @staticmethod
    def remove_leftovers() -> None:
        for line in run("ip", "netns", "list").splitlines():
            name = line.split()[0]
            owner = re.match(PREFIX + r"(\d+)-", name)
            if owner and not os.path.exists(f"/proc/{owner[1]}"):
                subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
