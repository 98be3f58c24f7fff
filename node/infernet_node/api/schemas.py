"""JSON Schemas of what goes over the REST interface."""

from typing import Any

from infernet_node.chain.journal import State
from infernet_node.chain.stages import Stage
from infernet_protocol.hashing import UINT16_MAX, UINT32_MAX, UINT256_MAX


def named(schema: str) -> dict[str, Any]:
    """Refers to one of :data:`COMPONENTS`."""
    return {"$ref": f"#/components/schemas/{schema}"}


def array_of(items: dict[str, Any], most: int | None = None) -> dict[str, Any]:
    limit = {} if most is None else {"maxItems": most}
    return {"type": "array", "items": items, **limit}


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **(optional or {})},
    }


def _whole(most: int, least: int = 0) -> dict[str, Any]:
    return {"type": "integer", "minimum": least, "maximum": most}


_TEXT: dict[str, Any] = {"type": "string"}
_OBJECT: dict[str, Any] = {"type": "object"}
_IDS = array_of(_TEXT)
_ADDRESS = {"type": "string", "pattern": "^0x[0-9a-fA-F]{40}$"}
_MAYBE_TEXT: dict[str, Any] = {"type": ["string", "null"]}
_RAW_UNITS = {"type": "string", "pattern": "^[0-9]+$"}
_STATUS = {"type": "string", "enum": ["running", "success", "failed"]}

COMPONENTS: dict[str, Any] = {
    "OffchainJob": _object(
        {"containers": _IDS, "data": _OBJECT}, {"requires_proof": {"type": ["boolean", "null"]}}
    ),
    "Signature": _object(
        {
            "nonce": _whole(UINT32_MAX),
            "expiry": _whole(UINT32_MAX),
            "v": _whole(28, least=27),
            "r": _whole(UINT256_MAX),
            "s": _whole(UINT256_MAX),
        }
    ),
    "Subscription": _object(
        {
            "owner": _ADDRESS,
            "active_at": _whole(UINT32_MAX),
            "period": _whole(UINT32_MAX),
            "frequency": _whole(UINT32_MAX),
            "redundancy": _whole(UINT16_MAX),
            "containers": {"type": "string", "pattern": "^(0x)?[0-9a-fA-F]{64}$"},
            "lazy": {"type": "boolean"},
            "verifier": _ADDRESS,
            "payment_amount": _whole(UINT256_MAX),
            "payment_token": _ADDRESS,
            "wallet": _ADDRESS,
        }
    ),
    "DelegatedSubscription": _object(
        {"signature": named("Signature"), "subscription": named("Subscription"), "data": _OBJECT}
    ),
    "Request": {"anyOf": [named("OffchainJob"), named("DelegatedSubscription")]},
    "Accepted": {
        "type": "object",
        "properties": {"id": _TEXT},
        "additionalProperties": False,
    },
    "Error": {
        "type": "object",
        "required": ["error"],
        "properties": {"error": _TEXT, "params": _OBJECT},
        "additionalProperties": False,
    },
    "ContainerResult": {
        "oneOf": [
            _object({"container": _TEXT, "output": {}}),
            _object({"container": _TEXT, "error": _TEXT}),
        ]
    },
    "Job": {
        **_object(
            {
                "id": _TEXT,
                "status": _STATUS,
                "result": {"oneOf": [named("ContainerResult"), {"type": "null"}]},
            },
            {"intermediate_results": array_of(named("ContainerResult"))},
        ),
        "additionalProperties": False,
    },
    "StatusReport": _object(
        {
            "id": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,128}$"},
            "status": _STATUS,
            "containers": _IDS,
        },
        {"data": {}},
    ),
    "Healthy": _object({"status": {"const": "healthy"}}, {"remarks": _OBJECT}),
    "Unhealthy": _object(
        {"status": {"const": "unhealthy"}, "problems": _OBJECT}, {"remarks": _OBJECT}
    ),
    "SubscriptionHistory": _object(
        {
            "network": _TEXT,
            "state": _TEXT,
            "intervals": array_of(
                _object(
                    {
                        "interval": _whole(UINT32_MAX),
                        "state": {"type": "string", "enum": list(Stage)},
                        "reason": _MAYBE_TEXT,
                        "payment": {"anyOf": [named("Payment"), {"type": "null"}]},
                        "transactions": array_of(named("Transaction")),
                    }
                )
            ),
        }
    ),
    "IntervalState": _object(
        {
            "interval": _whole(UINT32_MAX, least=1),
            "state": {"type": "string", "enum": list(Stage)},
            "reason": _MAYBE_TEXT,
        }
    ),
    "Payment": _object({"token": _ADDRESS, "amount": _RAW_UNITS, "state": _TEXT}),
    "Transaction": _object(
        {
            "hash": _MAYBE_TEXT,
            "state": {"type": "string", "enum": list(State)},
            "reason": _MAYBE_TEXT,
            "block": {"type": ["integer", "null"]},
        }
    ),
    "Income": _object(
        {
            "network": _TEXT,
            "container": _TEXT,
            "token": _ADDRESS,
            "answers": {"type": "integer"},
            "earned": _RAW_UNITS,
            "awaiting": _RAW_UNITS,
            "slashed": _RAW_UNITS,
        }
    ),
    "Info": _object(
        {
            "version": _TEXT,
            "containers": array_of(
                _object(
                    {
                        "id": _TEXT,
                        "description": _TEXT,
                        "external": {"type": "boolean"},
                        "image": _TEXT,
                    }
                )
            ),
            "pending": _object({"offchain": {"type": "integer"}, "onchain": {"type": "integer"}}),
            "chain": _object({"enabled": {"type": "boolean"}, "address": _TEXT}),
        }
    ),
}

SECURITY: dict[str, Any] = {"ApiKey": {"type": "http", "scheme": "bearer"}}
