"""How much of its machine this process may use."""

import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def memory_bytes(cgroups: Path = CGROUPS) -> float:
    """Return the memory that this process can use: its container's, or the machine's where that is less."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    # The second version of control groups, then the first.
    limits = (_number(cgroups / "memory.max"), _number(cgroups / "memory" / "memory.limit_in_bytes"))
    return min([machine, *(limit for limit in limits if limit)])


def cpu_cores(cgroups: Path = CGROUPS) -> float:
    """Return the CPU cores that this process can use: at most one, because one thread does its work."""
    quota, period = _number(cgroups / "cpu.max", 0), _number(cgroups / "cpu.max", 1)
    if not quota:
        quota = _number(cgroups / "cpu" / "cpu.cfs_quota_us")
        period = _number(cgroups / "cpu" / "cpu.cfs_period_us")
    return min(1.0, quota / period) if quota and period else 1.0


def _number(path: Path, word: int = 0) -> float:
    """Return a number of a file, or 0 where there is none or it means "no limit"."""
    try:
        return max(float(path.read_text().split()[word]), 0.0)
    except (OSError, ValueError, IndexError):
        return 0.0
