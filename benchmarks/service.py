"""What the operations cost: the generated service beside a bare FastAPI app with the same routes, server and machine.

Both run in the generated service's own environment and stay up for the whole run, on the first core, with the load on
the second. They take turns in short slots of random order. CPU time per request is the figure to compare: it repeats
within a few percent where requests per second do not.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 2
CONNECTIONS = 32
STARTS = 9
# The service's own routes on plain FastAPI: what is left is what the operations cost.
BARE = """
import os

import uvicorn
from fastapi import FastAPI

from app.items.memory import MemoryItemRepository
from app.items.routes import router

api = FastAPI()
api.include_router(router)
api.state.items = MemoryItemRepository()
uvicorn.run(api, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=False, log_level="warning")
"""
# What a browser sends through a platform's proxy.
PROXIED = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Accept-Language": "en-GB,en;q=0.9",
    "Cookie": "session=0123456789abcdef0123456789abcdef",
    "Referer": "https://www.example.com/items",
    "Sec-Fetch-Mode": "cors",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    "X-Forwarded-For": "203.0.113.7",
    "X-Forwarded-Proto": "https",
}
REQUESTS: dict[str, dict[str, str]] = {"minimal": {}, "browser through a proxy": PROXIED}
VARIANTS = {"bare FastAPI": ["bare.py"], "generated service": ["-m", "app"]}


@dataclass(frozen=True, slots=True)
class Sample:
    """One slot of one variant.

    Args:
        rate: Requests a second.
        cpu: CPU time a request in microseconds.
        p99: 99th percentile of latency in milliseconds.
    """

    rate: float
    cpu: float
    p99: float


def report(rounds: int) -> str:
    """Return the tables of what the operations cost.

    Args:
        rounds: How many rounds count.

    Returns:
        A Markdown section.

    Raises:
        SystemExit: `wrk` or `taskset` is missing.
    """
    for program in ("wrk", "taskset"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is missing: install it, or pass --only generation")
    with tempfile.TemporaryDirectory(prefix="goldenpath-benchmark-") as temporary:
        service = _generate(Path(temporary) / "sample")
        starts = _starts(service)
        with ExitStack() as stack:
            servers = {name: stack.enter_context(_serve(name, service)) for name in VARIANTS}
            memory: dict[str, int] = {}
            samples: dict[str, dict[str, list[Sample]]] = {}
            for shape, headers in REQUESTS.items():
                samples[shape] = _take_turns(servers, headers, rounds)
            for name, (process, _) in servers.items():
                pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
                memory[name] = pages * os.sysconf("SC_PAGE_SIZE") // 2**20
    return _section(samples, starts, memory)


def _generate(service: Path) -> Path:
    programs = Path(sys.executable).parent
    new = [str(programs / "new-service"), "--defaults", "--data", "database=none", "--no-git", str(service)]
    subprocess.run(new, check=True, capture_output=True)
    subprocess.run([str(programs / "uv"), "sync", "--quiet", "--no-dev"], cwd=service, check=True)
    (service / "bare.py").write_text(BARE)
    subprocess.run([str(service / ".venv/bin/python"), "-m", "compileall", "-q", str(service)], check=False)
    return service


@contextmanager
def _serve(name: str, service: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run a variant, and give its process and the address of its route once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        "PATH": os.environ["PATH"],
        "PORT": str(port),
        "ENVIRONMENT": "development",
        "RATE_LIMIT_PER_MINUTE": "100000000",
        "RATE_LIMIT_BURST": "100000000",
        "TRUSTED_PROXY_HOPS": "1",
        "DRAIN_SECONDS": "0",
    }
    process = subprocess.Popen(
        ["taskset", "-c", "0", str(service / ".venv/bin/python"), *VARIANTS[name]],
        cwd=service,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}/items"
        _wait(url)
        yield process, url
    finally:
        process.terminate()
        process.wait(timeout=30)


def _starts(service: Path) -> dict[str, float]:
    """Return the median seconds from start to the first answer."""
    taken: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for _ in range(STARTS):
        for name in VARIANTS:
            begin = time.perf_counter()
            with _serve(name, service):
                taken[name].append(time.perf_counter() - begin)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def _take_turns(
    servers: dict[str, tuple[subprocess.Popen[bytes], str]], headers: dict[str, str], rounds: int
) -> dict[str, list[Sample]]:
    samples: dict[str, list[Sample]] = {name: [] for name in servers}
    for number in range(rounds + 1):
        for name in random.sample(list(servers), len(servers)):
            process, url = servers[name]
            sample = _load(process.pid, url, headers)
            if number:
                samples[name].append(sample)
    return samples


def _load(pid: int, url: str, headers: dict[str, str]) -> Sample:
    before = _cpu_seconds(pid)
    options = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    load = ["taskset", "-c", "1", "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", *options, url]
    output = subprocess.run(load, check=True, capture_output=True, text=True).stdout
    spent = _cpu_seconds(pid) - before
    if "Non-2xx" in output:
        sys.exit(f"the service refused requests under load:\n{output}")
    requests = int(_find(r"(\d+) requests in", output))
    return Sample(float(_find(r"Requests/sec:\s+([\d.]+)", output)), spent / requests * 1e6, _p99(output))


def _section(samples: dict[str, dict[str, list[Sample]]], starts: dict[str, float], memory: dict[str, int]) -> str:
    lines = [
        "\n## What the operations cost\n",
        "| request | variant | requests/s | CPU µs a request | p99 ms | CPU of bare | throughput by CPU |",
        "|---|---|---|---|---|---|---|",
    ]
    for shape, variants in samples.items():
        bare = variants["bare FastAPI"]
        for name, taken in variants.items():
            ratio = statistics.median(ours.cpu / base.cpu for ours, base in zip(taken, bare, strict=True))
            rate, cpu, p99 = (statistics.median(getattr(s, key) for s in taken) for key in ("rate", "cpu", "p99"))
            lines.append(f"| {shape} | {name} | {rate:.0f} | {cpu:.1f} | {p99:.2f} | {ratio:.2f} | {1 / ratio:.0%} |")
    lines += ["", "| variant | start-up ms | memory MiB |", "|---|---|---|"]
    lines += [f"| {name} | {starts[name] * 1000:.0f} | {memory[name]} |" for name in VARIANTS]
    lines += [
        "",
        f"`GET /items` of the service's own router on both sides, {CONNECTIONS} connections, {SECONDS} s a slot, both",
        "variants up at once on one core and in random order, wrk on the other. The ratio is the median over pairs of",
        "slots. Everything is on: request ids, JSON access log, metrics, rate limit, body limit, security headers and",
        f"drain. Start-up is the median of {STARTS}.",
    ]
    return "\n".join(lines)


def _wait(url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.005)
        else:
            return
    sys.exit(f"{url} did not answer within 30 s")


def _cpu_seconds(pid: int) -> float:
    values = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")


def _p99(output: str) -> float:
    amount, unit = re.findall(r"99%\s+([\d.]+)(us|ms|s)", output)[0]
    return float(amount) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def _find(pattern: str, output: str) -> str:
    found = re.search(pattern, output)
    if found is None:
        sys.exit(f"wrk printed something else:\n{output}")
    return found[1]
