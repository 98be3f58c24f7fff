"""forge's artifacts as ape contracts, so that ape needs no compiler of its own."""

from ape.contracts import ContractContainer
from ethpm_types import ContractType

from scripts import artifacts


def container(name: str) -> ContractContainer:
    """Returns a deployable ape container for a contract of this project."""
    artifact = artifacts.load(name)
    return ContractContainer(
        ContractType.model_validate(
            {
                "contractName": artifact.name,
                "abi": artifact.abi,
                "deploymentBytecode": {"bytecode": artifact.bytecode},
            }
        )
    )
