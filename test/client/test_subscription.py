"""Subscriptions: validated, hashed and signed as the coordinator expects them."""

from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import _hash_eip191_message
from hypothesis import given
from hypothesis import strategies as st

from infernet_client.chain.subscription import FIELDS, Subscription
from infernet_client.chain.token import ZERO_ADDRESS
from infernet_client.error import ParameterError
from infernet_protocol import delegation
from test.client.deployed import OTHER, OWNER, OWNER_KEY

COORDINATOR = "0x2E983A1Ba5e8b38AAAeC4B440B9dDcFBf72E15d1"
EXPIRY = 1713376164
SAMPLE: dict[str, Any] = {
    "owner": "0x00Bd138aBD70e2F00903268F3Db08f2D25677C2B",
    "active_at": 0,
    "period": 3,
    "frequency": 2,
    "redundancy": 2,
    "containers": ["tgi_client_inference_service"],
    "lazy": False,
    "verifier": ZERO_ADDRESS,
    "payment_amount": 0,
    "payment_token": ZERO_ADDRESS,
    "wallet": ZERO_ADDRESS,
}
VECTORS = {
    0: (
        "ac42d8f20ff28f9b36ebf4a0a29943f0d48778f0dcfb041230e8f49f4cec1cf4",
        "8cc957651a719bcaf6a7e08a452039791f40f907edfe608706b4ba81aad7ea50",
        28,
        2955817093475689263392493561611360503387059498792322403832336826593140147914,
        56385797873850497278910501628674046078551593036414119113895922497175381393621,
    ),
    7: (
        "4fee8d403e4a27e2864b8f63fef7497b867a0c2243ea5b1a378c9ebfa416c830",
        "203502dc586cab3d50cc686761742d71b0fca69d7962d131af3da714a96c03f6",
        27,
        51621409090128064655151120929219203950011930212420712843915262427967626296584,
        53345606311899622553584674442236647989569301832788643990013046095795568686054,
    ),
}


def changed(**fields: Any) -> Subscription:
    return Subscription(**{**SAMPLE, **fields})


@pytest.mark.parametrize("nonce", VECTORS)
def test_published_vectors(nonce: int) -> None:
    struct_hash, digest, v, r, s = VECTORS[nonce]

    message = Subscription(**SAMPLE).get_delegate_subscription_typed_data(
        nonce, EXPIRY, 31337, COORDINATOR
    )
    signed = Account.sign_message(message, OWNER_KEY)

    assert message.header.hex() == (
        "10c951d595d1a987d17c9170c1eae194ce8a52d760f2ef8c7f4120f9c4fe0554"
    )
    assert message.body.hex() == struct_hash
    assert _hash_eip191_message(message).hex() == digest
    assert (signed.v, signed.r, signed.s) == (v, r, s)


@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        (
            ["tgi_client_inference_service"],
            "0x16ea82ccf75e191283480f83545351353d08e91d14822c05450fa75195331a0d",
        ),
        (["SERVICE_NAME"], "0x011c652c7a8ab1a5083dbfbbb496086a94c34a0e345231cabfb8a456a7c360ca"),
        (["a", "b"], "0x0deeac3a841600829c99f8116bb997da266d4c47a720b00e6ace9594de82dd54"),
        ("a,b", "0x0deeac3a841600829c99f8116bb997da266d4c47a720b00e6ace9594de82dd54"),
        ("a, b", "0x0deeac3a841600829c99f8116bb997da266d4c47a720b00e6ace9594de82dd54"),
    ],
)
def test_the_wire_object_names_containers_by_hash(containers: Any, expected: str) -> None:
    serialized = changed(containers=containers).serialized

    assert tuple(serialized) == FIELDS
    assert serialized == {**SAMPLE, "containers": expected}


def test_fields_by_position_name_and_former_name() -> None:
    by_name = Subscription(**SAMPLE)
    former = {**SAMPLE, "prover": SAMPLE["verifier"]}
    del former["verifier"]

    assert Subscription(*SAMPLE.values()) == by_name
    assert Subscription(**former) == by_name
    assert hash(Subscription.from_mapping(former)) == hash(by_name)
    assert by_name.owner == SAMPLE["owner"]
    assert by_name.containers == SAMPLE["containers"]
    assert changed(period=4) != by_name
    assert "period=3" in repr(by_name)


def test_addresses_stay_as_they_were_given_and_sign_the_same() -> None:
    """Also the owner of the published vectors, whose mixed case is not its checksum."""
    lower = changed(owner=SAMPLE["owner"].lower())

    assert lower.serialized["owner"] == SAMPLE["owner"].lower()
    assert lower.on_chain == Subscription(**SAMPLE).on_chain


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("owner", "0x00Bd138aBD7....................", "not an address"),
        ("owner", "00Bd138aBD70e2F00903268F3Db08f2D25677C2B", "not an address"),
        ("verifier", None, "not an address"),
        ("payment_token", 0, "not an address"),
        ("wallet", "0x12", "not an address"),
        ("wallet", SAMPLE["owner"], "does not match its checksum"),
        ("active_at", 2**32, "outside 0 to 2**32 - 1"),
        ("period", -1, "outside 0 to 2**32 - 1"),
        ("frequency", "2", "not an integer"),
        ("redundancy", 2**16, "outside 0 to 2**16 - 1"),
        ("redundancy", True, "not an integer"),
        ("payment_amount", 2**256, "outside 0 to 2**256 - 1"),
        ("lazy", "false", "not true or false"),
        ("containers", [], "at least one id is needed"),
        ("containers", "", "at least one id is needed"),
        ("containers", ["a", ""], "none empty"),
        ("containers", ["a,b"], "none with a comma inside"),
        ("containers", [1], "not a list of container ids"),
    ],
)
def test_a_wrong_field_is_named(field: str, value: Any, problem: str) -> None:
    with pytest.raises(ParameterError) as caught:
        changed(**{field: value})

    assert caught.value.field == field
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "field", "problem"),
    [
        ({k: v for k, v in SAMPLE.items() if k != "lazy"}, "lazy", "missing"),
        ({**SAMPLE, "max_gas_price": 1}, "max_gas_price", "unknown field"),
        ({**SAMPLE, "prover": ZERO_ADDRESS}, "prover", "given beside verifier"),
        ([SAMPLE], "parameters", "not a JSON object"),
    ],
)
def test_a_parameter_file_is_read_strictly(fields: Any, field: str, problem: str) -> None:
    with pytest.raises(ParameterError, match=f"^{field}: {problem}"):
        Subscription.from_mapping(fields)


@pytest.mark.parametrize(
    ("args", "keywords", "problem"),
    [
        ((), {}, "missing owner, active_at"),
        ((OWNER,), SAMPLE, "owner is given twice"),
        ((), {**SAMPLE, "prover": ZERO_ADDRESS}, "verifier is given twice"),
        ((), {**SAMPLE, "inputs": "0x"}, "unknown field inputs"),
        (tuple(range(12)), {}, "12 positional arguments"),
    ],
)
def test_arguments_are_complete_and_known(
    args: tuple[Any, ...], keywords: dict[str, Any], problem: str
) -> None:
    untyped: Any = Subscription

    with pytest.raises(TypeError, match=f"Subscription: {problem}"):
        untyped(*args, **keywords)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ((2**32, EXPIRY, 1, COORDINATOR), "nonce"),
        ((0, 2**32, 1, COORDINATOR), "expiry"),
        ((0, EXPIRY, -1, COORDINATOR), "chain_id"),
        ((0, EXPIRY, 1, "0x19f...xJ7"), "verifying_contract"),
    ],
)
def test_what_is_signed_beside_the_subscription_is_checked(arguments: Any, field: str) -> None:
    with pytest.raises(ParameterError, match=f"^{field}: "):
        Subscription(**SAMPLE).get_delegate_subscription_typed_data(*arguments)


subscriptions = st.builds(
    Subscription,
    owner=st.sampled_from([OWNER, OTHER.lower()]),
    active_at=st.integers(0, 2**32 - 1),
    period=st.integers(0, 2**32 - 1),
    frequency=st.integers(0, 2**32 - 1),
    redundancy=st.integers(0, 2**16 - 1),
    containers=st.lists(st.text("ab-_.", min_size=1), min_size=1),
    lazy=st.booleans(),
    verifier=st.just(ZERO_ADDRESS),
    payment_amount=st.integers(0, 2**256 - 1),
    payment_token=st.sampled_from([ZERO_ADDRESS, OTHER]),
    wallet=st.sampled_from([ZERO_ADDRESS, OTHER]),
)


@given(subscriptions, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_whoever_reads_the_wire_recovers_the_signer(
    subscription: Subscription, nonce: int, expiry: int
) -> None:
    message = subscription.get_delegate_subscription_typed_data(nonce, expiry, 31337, COORDINATOR)
    signed = Account.sign_message(message, OWNER_KEY)
    wire = subscription.serialized
    received = type(subscription.on_chain).from_abi(
        [bytes.fromhex(v[2:]) if k == "containers" else v for k, v in wire.items()]
    )

    signer = delegation.recover(
        received,
        delegation.Signature(nonce, expiry, signed.v, signed.r, signed.s),
        chain_id=31337,
        coordinator=COORDINATOR,
    )

    assert signer == OWNER
