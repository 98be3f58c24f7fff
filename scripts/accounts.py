"""Which key signs: one from the environment, a keystore file, or Anvil's own accounts."""

import os
from pathlib import Path

import click
from eth_account import Account
from eth_account.signers.local import LocalAccount

from scripts.errors import ScriptError

ANVIL_CHAIN_ID = 31337
# Public by design: every Anvil and Hardhat chain funds the accounts of this phrase.
ANVIL_MNEMONIC = "test test test test test test test test test test test junk"

DEPLOYER, REQUESTER, NODE = 2, 0, 1
"""Anvil accounts by role. The documented development addresses follow from the deployer's."""


def anvil_account(index: int) -> LocalAccount:
    """Returns one of the ten accounts that a fresh Anvil funds (``index`` 0 to 9)."""
    Account.enable_unaudited_hdwallet_features()
    account: LocalAccount = Account.from_mnemonic(
        ANVIL_MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}"
    )
    return account


def choose_account(
    *, keystore: Path | None, password_file: Path | None, anvil_index: int | None
) -> LocalAccount:
    """Finds the signing account: keystore, then ``PRIVATE_KEY``, then one of Anvil's.

    Args:
        anvil_index: 0 to 9 on a local chain, ``None`` where Anvil's accounts own nothing.

    Raises:
        ScriptError: if none of them gives a key.
    """
    if keystore:
        return _from_keystore(keystore, password_file)
    key = os.environ.get("PRIVATE_KEY", "").strip()
    if key:
        try:
            account: LocalAccount = Account.from_key(key)
        except ValueError:
            raise ScriptError(
                "PRIVATE_KEY: not a private key; 64 hex digits are expected, 0x is optional"
            ) from None
        return account
    if anvil_index is not None:
        return anvil_account(anvil_index)
    raise ScriptError("no key to sign with on this chain: set PRIVATE_KEY, or pass --keystore FILE")


def _from_keystore(keystore: Path, password_file: Path | None) -> LocalAccount:
    if password_file:
        password = password_file.read_text().rstrip("\n")
    else:
        password = click.prompt(f"Password of {keystore}", hide_input=True, err=True)
    try:
        account: LocalAccount = Account.from_key(Account.decrypt(keystore.read_text(), password))
    except (ValueError, TypeError, KeyError):
        raise ScriptError(
            f"{keystore}: wrong password, or not a V3 keystore file as `cast wallet` writes it"
        ) from None
    return account
