"""What the on-chain half counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from infernet_node.chain.stages import ENDS
from infernet_node.metrics import PREFIX


class ChainMetrics:
    """Figures of one node's on-chain work.

    Args:
        registry: of the node; by default one that nobody reads.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._registry = registry or CollectorRegistry()
        self.intervals = self._counter(
            "chain_intervals",
            "Intervals that ended, by state: answered, answered by another, failed, expired "
            "or ignored.",
            "state",
        )
        self.transactions = self._counter(
            "chain_transactions",
            "Transactions of the node's account that ended: final, failed or replaced.",
            "state",
        )
        self.income = self._counter(
            "chain_income",
            "Payments before fees of answers that are confirmed, and verified where a proof is "
            "asked for, in raw units of the token.",
            "container",
            "token",
        )
        self.slashed = self._counter(
            "chain_slashed",
            "Collateral lost to consumers by a verdict, in raw units of the token.",
            "container",
            "token",
        )
        self.rpc_requests = self._counter(
            "chain_rpc_requests", "JSON-RPC requests, each of a batch counted.", "method"
        )
        self.rpc_failures = self._counter(
            "chain_rpc_failures", "HTTP requests to an endpoint that brought no answer.", "endpoint"
        )
        self.heads_told = self._counter(
            "chain_heads_told", "New blocks that an endpoint told of over WebSocket."
        )
        self.head = self._gauge("chain_head_block", "Number of the last block worked on.")
        self.tracked = self._gauge("chain_subscriptions_tracked", "Subscriptions being served.")
        self.in_flight = self._gauge(
            "chain_transactions_in_flight", "Transactions that are not final."
        )
        self.collateral = Gauge(
            "chain_collateral_locked",
            "Collateral of answers whose proof has no verdict yet, in raw units of the token.",
            ["token"],
            namespace=PREFIX,
            registry=self._registry,
        )
        self.balance = self._gauge(
            "chain_balance_coins", "Native coin of the account that sends transactions."
        )
        # So that a state that has not occurred yet reads 0 and not nothing.
        for stage in ENDS:
            self.intervals.labels(str(stage))

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(name, about, labels, namespace=PREFIX, registry=self._registry)

    def _gauge(self, name: str, about: str) -> Gauge:
        return Gauge(name, about, namespace=PREFIX, registry=self._registry)
