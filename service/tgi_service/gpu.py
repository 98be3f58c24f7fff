"""Graphics cards, as far as NVIDIA's driver tells about them."""

import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from typing import Any

_PROGRAM = "nvidia-smi"
_PATIENCE = 5
"""Seconds the program may take: it hangs when a card does."""
_UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def gpu_capability() -> dict[str, Any] | None:
    """Returns the entry for this machine's cards, or ``None`` where none can be read."""
    report = _report()
    if report is None:
        return None
    cards = [_card(number, card) for number, card in enumerate(report.iter("gpu"))]
    if not cards:
        return None
    return {
        "capability_id": "gpu",
        "driver_version": report.findtext("driver_version", ""),
        "cuda_version": report.findtext("cuda_version", ""),
        "gpu_info": cards,
    }


def _report() -> ElementTree.Element | None:
    program = shutil.which(_PROGRAM)
    if program is None:
        return None
    try:
        output = subprocess.run(
            [program, "-q", "-x"], capture_output=True, timeout=_PATIENCE, check=True
        ).stdout
        return ElementTree.fromstring(output)  # noqa: S314 - written by the driver's own program
    except (OSError, subprocess.SubprocessError, ElementTree.ParseError):
        return None


def _card(number: int, card: ElementTree.Element) -> dict[str, Any]:
    return {
        "name": card.findtext("product_name", ""),
        "memory_total": _bytes(card.findtext("fb_memory_usage/total", "")),
        "memory_used": _bytes(card.findtext("fb_memory_usage/used", "")),
        "cuda_device_id": number,
    }


def _bytes(text: str) -> int:
    """Turns ``8192 MiB`` into bytes; what cannot be read counts as 0."""
    amount, _, unit = text.partition(" ")
    return int(amount) * _UNITS.get(unit, 1) if amount.isdecimal() else 0
