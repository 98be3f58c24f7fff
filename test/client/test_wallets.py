"""Wallets, their factory and tokens on a real chain; every failure by its name."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from infernet_client.chain.rpc import RPC
from infernet_client.chain.token import ZERO_ADDRESS, Token
from infernet_client.chain.wallet import InfernetWallet
from infernet_client.chain.wallet_factory import WalletFactory
from infernet_client.error import (
    AllowanceMismatchError,
    ParameterError,
    RpcError,
    TransactionFailedError,
    WalletNotCreatedError,
)
from test.client.deployed import OTHER, OTHER_KEY, OWNER, OWNER_KEY, DeployedChain

NOWHERE = "0x" + "42" * 20
TAKES_ANYTHING = "0x00"
"""STOP."""
ANSWERS_FALSE = "0x600060005260206000f3"
"""Stores a word of zeros and returns it."""


@pytest.fixture
def factory(chain: DeployedChain, rpc: RPC) -> WalletFactory:
    return WalletFactory(chain.factory, rpc)


@pytest.fixture
async def wallet(factory: WalletFactory) -> InfernetWallet:
    return await factory.create_wallet(OWNER)


async def test_a_wallet_is_created_for_its_owner(factory: WalletFactory) -> None:
    wallet = await factory.create_wallet(OTHER.lower())

    assert await wallet.owner() == OTHER
    assert await factory.is_valid_wallet(wallet.address) is True
    assert await factory.is_valid_wallet(NOWHERE) is False


async def test_wallets_created_at_once_are_told_apart(factory: WalletFactory) -> None:
    first, second = await asyncio.gather(factory.create_wallet(OWNER), factory.create_wallet(OTHER))

    assert await first.owner() == OWNER
    assert await second.owner() == OTHER


async def test_ether_in_and_out(rpc: RPC, wallet: InfernetWallet) -> None:
    await rpc.get_tx_receipt(await rpc.send_transaction({"to": wallet.address, "value": 100}))  # type: ignore[typeddict-item]
    assert await wallet.get_balance() == 100

    receipt = await wallet.withdraw(ZERO_ADDRESS, 40)

    assert receipt["status"] == 1
    assert await wallet.get_balance() == 60


async def test_tokens_in_and_out(chain: DeployedChain, rpc: RPC, wallet: InfernetWallet) -> None:
    token = Token(chain.token, rpc)
    await token.transfer(wallet.address, 30)
    assert await wallet.get_token_balance(chain.token) == 30

    await wallet.withdraw(chain.token, 30)

    assert await token.balance_of(wallet.address) == 0
    assert await token.balance_of(OWNER) == 1000


async def test_an_approval_sets_the_allowance(wallet: InfernetWallet) -> None:
    await wallet.approve(OTHER, ZERO_ADDRESS, 90)
    await wallet.approve(OTHER, ZERO_ADDRESS, 80)

    assert await wallet.allowance(OTHER, ZERO_ADDRESS) == 80


async def test_an_approval_that_another_overtook_is_an_error(
    chain: DeployedChain, wallet: InfernetWallet
) -> None:
    async with RPC(chain.url) as other_connection:
        await other_connection.initialize_with_private_key(OWNER_KEY)
        same_wallet = InfernetWallet(wallet.address, other_connection)
        with in_one_block(chain):
            first = asyncio.create_task(wallet.approve(OTHER, ZERO_ADDRESS, 100))
            await pooled(chain, 1)
            second = asyncio.create_task(same_wallet.approve(OTHER, ZERO_ADDRESS, 50))
            await pooled(chain, 2)

        with pytest.raises(AllowanceMismatchError, match="is 50 after approving 100"):
            await first
        await second


async def test_a_transaction_that_reverts_when_mined_is_an_error(
    chain: DeployedChain, rpc: RPC, wallet: InfernetWallet
) -> None:
    await rpc.get_tx_receipt(await rpc.send_transaction({"to": wallet.address, "value": 100}))  # type: ignore[typeddict-item]
    with in_one_block(chain):
        withdrawals = [asyncio.create_task(wallet.withdraw(ZERO_ADDRESS, 100)) for _ in range(2)]
        await pooled(chain, 2)

    outcomes = await asyncio.gather(*withdrawals, return_exceptions=True)

    (failure,) = (outcome for outcome in outcomes if isinstance(outcome, Exception))
    assert isinstance(failure, TransactionFailedError)
    assert failure.tx_hash is not None
    assert str(failure) == f"withdraw failed: reverted when it was mined (tx {failure.tx_hash})"


async def test_a_stranger_is_refused_by_name(chain: DeployedChain, wallet: InfernetWallet) -> None:
    async with RPC(chain.url) as stranger:
        await stranger.initialize_with_private_key(OTHER_KEY)
        foreign = InfernetWallet(wallet.address, stranger)

        with pytest.raises(TransactionFailedError, match=r"^withdraw failed: Unauthorized$"):
            await foreign.withdraw(ZERO_ADDRESS, 0)
        with pytest.raises(TransactionFailedError, match=r"^approve failed: Unauthorized$"):
            await foreign.approve(OTHER, ZERO_ADDRESS, 1)


async def test_more_than_there_is_is_refused_by_name(
    chain: DeployedChain, rpc: RPC, wallet: InfernetWallet
) -> None:
    with pytest.raises(TransactionFailedError, match="withdraw failed: InsufficientFunds"):
        await wallet.withdraw(ZERO_ADDRESS, 1)
    with pytest.raises(TransactionFailedError, match="transfer failed: InsufficientBalance"):
        await Token(chain.token, rpc).transfer(wallet.address, 1001)


async def test_a_contract_that_is_no_factory_makes_no_wallet(
    chain: DeployedChain, rpc: RPC
) -> None:
    chain.anvil.rpc("anvil_setCode", NOWHERE, TAKES_ANYTHING)

    with pytest.raises(WalletNotCreatedError, match=f"{NOWHERE} created no wallet"):
        await WalletFactory(NOWHERE, rpc).create_wallet(OWNER)


async def test_what_is_sent_where_no_contract_is_has_not_succeeded(
    chain: DeployedChain, rpc: RPC
) -> None:
    before = chain.anvil.number

    for sending in (
        WalletFactory(NOWHERE, rpc).create_wallet(OWNER),
        InfernetWallet(NOWHERE, rpc).withdraw(ZERO_ADDRESS, 1),
        InfernetWallet(NOWHERE, rpc).approve(OTHER, ZERO_ADDRESS, 1),
        Token(NOWHERE, rpc).transfer(OTHER, 1),
    ):
        with pytest.raises(TransactionFailedError, match=f"there is no contract at {NOWHERE}"):
            await sending

    assert chain.anvil.number == before


async def test_a_token_may_refuse_by_answering_false(chain: DeployedChain, rpc: RPC) -> None:
    chain.anvil.rpc("anvil_setCode", NOWHERE, ANSWERS_FALSE)
    before = chain.anvil.number

    with pytest.raises(TransactionFailedError, match="transfer failed: the token answers false"):
        await Token(NOWHERE, rpc).transfer(OTHER, 1)

    assert chain.anvil.number == before


async def test_a_token_may_answer_nothing(chain: DeployedChain, rpc: RPC) -> None:
    chain.anvil.rpc("anvil_setCode", NOWHERE, TAKES_ANYTHING)

    assert (await Token(NOWHERE, rpc).transfer(OTHER, 1))["status"] == 1


async def test_a_contract_without_the_function_reverts_without_a_name(
    chain: DeployedChain, rpc: RPC
) -> None:
    with pytest.raises(TransactionFailedError, match="withdraw failed: execution reverted"):
        await InfernetWallet(chain.factory, rpc).withdraw(ZERO_ADDRESS, 1)


async def test_reading_where_there_is_no_contract_says_so(rpc: RPC) -> None:
    with pytest.raises(RpcError, match=rf"{NOWHERE} does not answer owner\(\)"):
        await InfernetWallet(NOWHERE, rpc).owner()
    with pytest.raises(RpcError, match=r"does not answer balanceOf\(\)"):
        await Token(NOWHERE, rpc).balance_of(OWNER)


async def test_an_amount_out_of_range_is_refused(wallet: InfernetWallet) -> None:
    with pytest.raises(ParameterError, match=r"^amount: -1 is outside"):
        await wallet.withdraw(ZERO_ADDRESS, -1)
    with pytest.raises(ParameterError, match=r"^amount: 1.5 is not an integer"):
        await wallet.approve(OTHER, ZERO_ADDRESS, 1.5)  # type: ignore[arg-type]


async def test_a_connection_without_an_account_cannot_send(chain: DeployedChain) -> None:
    async with RPC(chain.url) as reader:
        with pytest.raises(ValueError, match="Account not initialized"):
            await WalletFactory(chain.factory, reader).create_wallet(OWNER)


@contextmanager
def in_one_block(chain: DeployedChain) -> Iterator[None]:
    """Mines what was sent in between when the block ends, and not before."""
    chain.anvil.rpc("evm_setAutomine", False)
    try:
        yield
        chain.anvil.mine()
    finally:
        chain.anvil.rpc("evm_setAutomine", True)


async def pooled(chain: DeployedChain, count: int) -> None:
    """Waits until that many transactions wait to be mined."""
    while int(chain.anvil.rpc("txpool_status")["pending"], 16) < count:  # noqa: ASYNC110 - Anvil tells nobody
        await asyncio.sleep(0)
