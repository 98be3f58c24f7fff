"""What this machine has: the answer of ``GET /service-resources``.

Read from the kernel's files and the standard library. What cannot be read is left out or
named unknown; nothing here raises for it.
"""

import os
import platform
import re
import sys
from pathlib import Path
from typing import Any

from tgi_service.gpu import gpu_capability

SERVICE_ID = "tgi-client-inference-service"
UNKNOWN = "unknown"
_CPUINFO = Path("/proc/cpuinfo")
_CPUFREQ = Path("/sys/devices/system/cpu")
_MOUNTS = Path("/proc/mounts")
_DECIMAL = re.compile(r"\d+(\.\d+)?")


def service_resources(version: str, models: list[str]) -> dict[str, Any]:
    """Returns the description of machine and service.

    Args:
        models: names of models to advertise.
    """
    gpu = gpu_capability()
    return {
        "version": version,
        "service_id": SERVICE_ID,
        "hardware_capabilities": [_base_capability(), *([gpu] if gpu else [])],
        "compute_capability": [
            {
                "id": "ml",
                "type": "tgi_client",
                "task": ["text_generation"],
                "models": models,
                "cached_models": [],
                "inference_engine": None,
                "inference_engine_version": None,
            }
        ],
    }


def _base_capability() -> dict[str, Any]:
    return {
        "capability_id": "base",
        "os_info": {"name": platform.system(), "version": platform.version()},
        "cpu_info": _cpu_info(),
        "disk_info": _disk_info(),
    }


def _cpu_info() -> dict[str, Any]:
    blocks = map(_fields, _read(_CPUINFO).split("\n\n"))
    cpus = [block for block in blocks if block.get("processor", "").isdecimal()]
    first = cpus[0] if cpus else {}
    return {
        "model": first.get("model name") or platform.processor() or UNKNOWN,
        "architecture": platform.machine() or UNKNOWN,
        "byte_order": f"{sys.byteorder.capitalize()} Endian",
        # ARM names the implementer by number instead.
        "vendor_id": first.get("vendor_id") or first.get("CPU implementer") or UNKNOWN,
        "num_cores": os.cpu_count() or 1,
        "cores": [_core(int(cpu["processor"]), cpu.get("cpu MHz", "")) for cpu in cpus],
    }


def _core(number: int, frequency: str) -> dict[str, Any]:
    """Describes one CPU; frequencies are in MHz."""
    return {
        "id": number,
        "frequency": float(frequency) if _DECIMAL.fullmatch(frequency) else None,
        "max_frequency": _cpufreq(number, "cpuinfo_max_freq"),
        "min_frequency": _cpufreq(number, "cpuinfo_min_freq"),
    }


def _cpufreq(number: int, name: str) -> float | None:
    kilohertz = _read(_CPUFREQ / f"cpu{number}" / "cpufreq" / name).strip()
    return int(kilohertz) / 1000 if kilohertz.isdecimal() else None


def _disk_info() -> list[dict[str, Any]]:
    """Describes the root and each mounted disk, in bytes.

    Other file systems have no size, or belong to a server that may not answer.
    """
    points = {"/": UNKNOWN}
    for line in _read(_MOUNTS).splitlines():
        source, point, *_ = line.split()
        if source.startswith("/dev/") or point == "/":
            points[_unescaped(point)] = source
    disks = (_disk(source, point) for point, source in points.items())
    return [disk for disk in disks if disk is not None]


def _disk(source: str, point: str) -> dict[str, Any] | None:
    try:
        status = os.statvfs(point)
    except OSError:
        return None
    return {
        "filesystem": source,
        "mount_point": point,
        "size": status.f_blocks * status.f_frsize,
        "used": (status.f_blocks - status.f_bfree) * status.f_frsize,
        "available": status.f_bavail * status.f_frsize,
    }


def _unescaped(point: str) -> str:
    """Resolves the octal escapes of ``/proc/mounts``."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), point)


def _fields(block: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in block.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
