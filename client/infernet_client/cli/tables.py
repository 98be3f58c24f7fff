"""Tables for people on a terminal."""

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Group
from rich.table import Column, Table
from rich.text import Text

from infernet_client.types import JobResult, NetworkContainer, NodeInfo

_COLOURS = {"success": "green", "failed": "red", "running": "yellow"}


def node_info(info: NodeInfo) -> Group:
    chain, pending = info["chain"], info["pending"]
    account = f"answered by {chain['address']}" if chain["enabled"] else "disabled"
    table = Table("Container", "External", "Image", "Description")
    for container in info["containers"]:
        table.add_row(
            Text(container["id"]),
            "yes" if container["external"] else "no",
            Text(container["image"]),
            Text(container["description"]),
        )
    return Group(
        Text(f"Node {info['version']}"),
        Text(f"Chain: {account}"),
        Text(f"Running: {pending['offchain']} off-chain, {pending['onchain']} on-chain"),
        table,
    )


def network_containers(containers: Sequence[NetworkContainer]) -> Table:
    table = Table("Container", "Nodes", "Description")
    for container in containers:
        description = Text(container["description"] or "")
        table.add_row(Text(container["id"]), str(container["count"]), description)
    return table


def job_results(results: Sequence[JobResult]) -> Table:
    # Ids are there to be copied: other columns wrap.
    table = Table(Column("Job", no_wrap=True), "Status", "Container", "Output")
    for job in results:
        result: Any = job["result"] or {}
        table.add_row(
            Text(job["id"]),
            Text(job["status"], _COLOURS.get(job["status"], "")),
            Text(result.get("container", "")),
            Text(_brief(result)),
        )
    return table


def _brief(result: Any) -> str:
    if "error" in result:
        return str(result["error"])
    output = result.get("output", "")
    if isinstance(output, dict) and output.keys() == {"output"}:
        output = output["output"]
    return output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)
