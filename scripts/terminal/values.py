"""Values that people type, as ``infernet-client`` reads them."""

from typing import Any

import click
from eth_utils.address import to_checksum_address

from infernet_client.cli.inputs import AddressParameter, AmountParameter


class _ChecksumAddress(AddressParameter):
    """An address in EIP-55 form, which is what contract calls take."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return to_checksum_address(super().convert(value, param, ctx))


class _Text(click.ParamType):
    """Text that can be encoded as UTF-8."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        try:
            text.encode()
        except UnicodeEncodeError:
            # Python keeps bytes of the command line that are no UTF-8 as lone surrogates.
            self.fail("not UTF-8 text; check the encoding of the terminal", param, ctx)
        return text


class _Question(_Text):
    """Text that a model can be asked."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = super().convert(value, param, ctx)
        if not text.strip():
            self.fail("empty; type something to ask", param, ctx)
        return text


TEXT = _Text()
QUESTION = _Question()
ADDRESS = _ChecksumAddress()
AMOUNT = AmountParameter()
