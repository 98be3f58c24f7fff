"""What answers have earned, and what proofs have cost, told from the rows alone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from eth_utils.address import to_checksum_address
from sqlalchemy import func, select

from infernet_node.chain.fulfilments import (
    AMOUNT_WORD,
    CONTAINER_WORD,
    TOKEN_WORD,
    VERIFIER_WORD,
    Fulfilment,
    fulfilments_table,
)
from infernet_node.chain.metrics import ChainMetrics
from infernet_node.chain.stages import Stage
from infernet_node.chain.verdicts import Verdict
from infernet_node.chain.words import WORD
from infernet_node.store.database import Database
from infernet_protocol.subscription import Subscription

PipelineOf = Callable[[bytes], tuple[str, ...] | None]
"""Finds the containers behind a hash."""


@dataclass(slots=True)
class Income:
    """Of one pipeline in one token on one chain, in raw units and before fees."""

    network: str
    container: str
    """Ids joined by commas, or the hash where the node has no such containers any more."""
    token: str
    """EIP-55 form; the zero address is the native coin."""
    answers: int = 0
    earned: int = 0
    awaiting: int = 0
    """Offered for answers whose proof has no verdict yet."""
    slashed: int = 0
    """Collateral lost to consumers."""

    def add(self, verdict: str | None, is_proof: bool, amount: int, answers: int) -> None:
        """Adds answers of one price and fate."""
        self.answers += answers
        total = amount * answers
        if not is_proof or verdict == Verdict.PAID:
            self.earned += total
        elif verdict is None:
            self.awaiting += total
        elif verdict == Verdict.SLASHED:
            self.slashed += total

    def to_json(self) -> dict[str, Any]:
        """Amounts as text: they may be greater than what numbers in JSON can tell apart."""
        amounts = {name: str(getattr(self, name)) for name in ("earned", "awaiting", "slashed")}
        return {
            "network": self.network,
            "container": self.container,
            "token": self.token,
            "answers": self.answers,
            **amounts,
        }


async def income_of(database: Database, pipeline_of: PipelineOf) -> list[Income]:
    """Adds up what paid answers brought, by chain, containers and token."""
    books: dict[tuple[str, str, str], Income] = {}
    async for row in _kinds_of_answers(database):
        container = _name(row.container, pipeline_of)
        token = to_checksum_address(row.token[-20:])
        book = books.setdefault(
            (row.network, container, token), Income(row.network, container, token)
        )
        amount = int.from_bytes(row.amount, "big")
        book.add(row.verdict, row.verifier != bytes(WORD), amount, row.answers)
    return [books[key] for key in sorted(books)]


async def _kinds_of_answers(database: Database) -> Any:
    """Answers that are alike in all that counts here, with their number: few, however many."""
    rows = fulfilments_table
    words = {
        "container": CONTAINER_WORD,
        "token": TOKEN_WORD,
        "amount": AMOUNT_WORD,
        "verifier": VERIFIER_WORD,
    }
    kind = [
        func.substr(rows.c.struct, place * WORD + 1, WORD).label(name)
        for name, place in words.items()
    ]
    query = (
        select(rows.c.network, rows.c.verdict, *kind, func.count().label("answers"))
        .where(rows.c.stage == Stage.ANSWERED, kind[2] != bytes(WORD))
        .group_by(rows.c.network, rows.c.verdict, *kind)
    )
    async with database.transaction() as connection:
        found = (await connection.execute(query)).all()
    for row in found:
        yield row


def _name(hashed: bytes, pipeline_of: PipelineOf) -> str:
    containers = pipeline_of(hashed)
    return ",".join(containers) if containers else "0x" + hashed.hex()


@dataclass(frozen=True, slots=True)
class IncomeCounters:
    """Counts income as it comes, for Prometheus."""

    metrics: ChainMetrics
    pipeline_of: PipelineOf

    def answered(self, row: Fulfilment) -> None:
        """An answer is confirmed; one with a proof is paid when its verdict is known."""
        if not row.subscription.requires_proof:
            self._count(self.metrics.income, row.subscription)

    def settled(self, row: Fulfilment, verdict: Verdict) -> None:
        if verdict is Verdict.PAID:
            self._count(self.metrics.income, row.subscription)
        elif verdict is Verdict.SLASHED:
            self._count(self.metrics.slashed, row.subscription)

    def _count(self, counter: Any, terms: Subscription) -> None:
        if terms.payment_amount:
            name = _name(terms.container_id, self.pipeline_of)
            counter.labels(name, terms.payment_token).inc(terms.payment_amount)
