"""Where the contracts are on a chain: ``deployments/<chainId>.json``."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

DIRECTORY = Path("deployments")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """One contract of a deployment."""

    address: str
    block: int
    """Block of the creating transaction, or one before it: no log of the contract is older."""
    txHash: str | None = None  # noqa: N815 - the file's format, also read by JavaScript tools
    """Left out by ``scripts/Deploy.sol``, which writes before anything is sent."""
    abiHash: str  # noqa: N815
    """keccak256 of the ABI as compact JSON: tells whether a reader's ABI fits."""
    version: str


class DeploymentError(LookupError):
    """A deployment file is missing, damaged or lacks a contract."""


def path_for(chain_id: int, directory: Path = DIRECTORY) -> Path:
    return directory / f"{chain_id}.json"


def save(chain_id: int, contracts: Mapping[str, Deployed], directory: Path = DIRECTORY) -> Path:
    """Adds contracts to the chain's file, replacing those of the same name."""
    path = path_for(chain_id, directory)
    directory.mkdir(parents=True, exist_ok=True)
    known = json.loads(path.read_text()) if path.exists() else {}
    known.update({name: asdict(contract) for name, contract in contracts.items()})
    path.write_text(json.dumps(known, indent=2) + "\n")
    return path


def load(chain_id: int, directory: Path = DIRECTORY) -> dict[str, Deployed]:
    """Reads the chain's file.

    Raises:
        DeploymentError: if there is none, or it does not hold what :func:`save` writes.
    """
    path = path_for(chain_id, directory)
    try:
        return {name: Deployed(**entry) for name, entry in json.loads(path.read_text()).items()}
    except FileNotFoundError:
        raise DeploymentError(
            f"{path}: no deployment is known on chain {chain_id}; run scripts/deploy.py"
        ) from None
    except (TypeError, AttributeError, ValueError) as error:
        raise DeploymentError(f"{path}: damaged ({error}); run scripts/deploy.py again") from error
