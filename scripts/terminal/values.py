"""Values that people type, as ``infernet-client`` reads them."""

from typing import Any

import click
from eth_utils.address import to_checksum_address

from infernet_client.cli.inputs import AddressParameter, AmountParameter


class _ChecksumAddress(AddressParameter):
    """An address in EIP-55 form, which is what contract calls take."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return to_checksum_address(super().convert(value, param, ctx))


ADDRESS = _ChecksumAddress()
AMOUNT = AmountParameter()
