"""What the operations cost: the generated service beside a bare FastAPI app with the same route, server and machine.

Both run in the generated service's own environment, one at a time on the first core with the load on the second. CPU
time per request is the figure to compare: it repeats within a few percent where requests per second do not.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

SECONDS = 3
CONNECTIONS = 32
BARE = """
import os
from typing import Annotated

import uvicorn
from fastapi import APIRouter, FastAPI, Query
from pydantic import BaseModel


class Item(BaseModel):
    id: int
    name: str


router = APIRouter(prefix="/items")


@router.get("")
async def list_items(
    after: Annotated[int, Query(ge=0)] = 0, limit: Annotated[int, Query(ge=1, le=100)] = 50
) -> list[Item]:
    return []


api = FastAPI()
api.include_router(router)
uvicorn.run(api, host="127.0.0.1", port=int(os.environ["PORT"]), access_log=False, log_level="warning")
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one variant.

    Args:
        rate: Requests a second.
        cpu: CPU time a request in microseconds.
        p99: 99th percentile of latency in milliseconds.
        start: Seconds from start to the first answer.
        memory: Resident memory after the load in MiB.
    """

    rate: float
    cpu: float
    p99: float
    start: float
    memory: float


def report(rounds: int) -> str:
    """Return the table of what the operations cost.

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
        service = Path(temporary) / "sample"
        new = Path(sys.executable).parent / "new-service"
        data = ("--data", "database=none")
        subprocess.run([str(new), "--defaults", *data, "--no-git", str(service)], check=True, capture_output=True)
        uv = Path(sys.executable).parent / "uv"
        subprocess.run([str(uv), "sync", "--quiet", "--no-dev"], cwd=service, check=True)
        (service / "bare.py").write_text(BARE)
        python = str(service / ".venv" / "bin" / "python")
        subprocess.run([python, "-m", "compileall", "-q", str(service)], check=False)
        variants = {"bare FastAPI": [python, "bare.py"], "generated service": [python, "-m", "app"]}
        samples: dict[str, list[Sample]] = {name: [] for name in variants}
        for number in range(rounds + 1):
            for name, command in variants.items():
                sample = _run(command, service)
                if number:
                    samples[name].append(sample)
    return _table(samples)


def _table(samples: dict[str, list[Sample]]) -> str:
    fields = {
        "requests/s": ("rate", "{:.0f}"),
        "CPU µs a request": ("cpu", "{:.1f}"),
        "p99 ms": ("p99", "{:.2f}"),
        "start-up ms": ("start", "{:.0f}"),
        "memory MiB": ("memory", "{:.0f}"),
    }
    scale = {"start": 1000.0}
    rows = []
    for name, taken in samples.items():
        cells = [
            shape.format(statistics.median(getattr(sample, key) for sample in taken) * scale.get(key, 1))
            for key, shape in fields.values()
        ]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    bare, full = samples["bare FastAPI"], samples["generated service"]
    rate = statistics.median(ours.rate / base.rate for ours, base in zip(full, bare, strict=True))
    cpu = statistics.median(base.cpu / ours.cpu for ours, base in zip(full, bare, strict=True))
    start = statistics.median(ours.start - base.start for ours, base in zip(full, bare, strict=True)) * 1000
    return "\n".join(
        [
            "\n## What the operations cost\n",
            f"| variant | {' | '.join(fields)} |",
            "|---|" + "---|" * len(fields),
            *rows,
            "",
            f"Throughput {rate:.0%} of bare (median of the rounds' ratios); by CPU time a request {cpu:.0%}; start-up",
            f"{start:+.0f} ms. `GET /items`, {CONNECTIONS} connections, {SECONDS} s a run, one core for the server and",
            "one for wrk. Everything is on: request ids, JSON access log, metrics, rate limit, security headers and",
            "drain.",
        ]
    )


def _run(command: list[str], service: Path) -> Sample:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        "PATH": os.environ["PATH"],
        "PORT": str(port),
        "ENVIRONMENT": "development",
        "RATE_LIMIT_PER_MINUTE": "100000000",
        "RATE_LIMIT_BURST": "100000000",
        "DRAIN_SECONDS": "0",
    }
    url = f"http://127.0.0.1:{port}/items"
    begin = time.perf_counter()
    server = subprocess.Popen(
        ["taskset", "-c", "0", *command],
        cwd=service,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(url)
        start = time.perf_counter() - begin
        before = _cpu_seconds(server.pid)
        load = ["taskset", "-c", "1", "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", url]
        output = subprocess.run(load, check=True, capture_output=True, text=True).stdout
        spent = _cpu_seconds(server.pid) - before
        memory = int(Path(f"/proc/{server.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=30)
    if "Non-2xx" in output:
        sys.exit(f"the service refused requests under load:\n{output}")
    requests = int(_find(r"(\d+) requests in", output))
    return Sample(
        float(_find(r"Requests/sec:\s+([\d.]+)", output)), spent / requests * 1e6, _p99(output), start, memory
    )


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
