"""What a consumer receives for each shape of container answer."""

from typing import Any

import pytest
from eth_abi.abi import decode, encode
from hypothesis import given
from hypothesis import strategies as st

from infernet_protocol.output import (
    Delivery,
    MalformedOutputError,
    decode_text,
    delivery_from_answer,
    encode_text,
    text_from_delivery,
)

WORD = 32
EMPTY = dict.fromkeys(("raw_input", "processed_input", "raw_output", "processed_output"), "")


def test_question_of_the_documentation() -> None:
    question = "Can shrimp actually fry rice fr?"
    data = encode_text(question)
    assert data[:WORD] == (32).to_bytes(WORD, "big")
    assert data[WORD : 2 * WORD] == len(question).to_bytes(WORD, "big")
    assert data[2 * WORD :] == question.encode()


def test_five_fields_become_two_pairs_and_a_proof() -> None:
    answer = {
        "raw_input": "01",
        "processed_input": None,
        "raw_output": encode_text("yes").hex(),
        "processed_output": "",
        "proof": "0xFF",
        "extra": "ignored",
    }
    delivery = delivery_from_answer(answer)
    assert delivery.input == encode(["bytes", "bytes"], [b"\1", b""])
    assert text_from_delivery(delivery.output) == "yes"
    assert delivery.proof == b"\xff"


def test_two_empty_halves_are_still_a_pair() -> None:
    delivery = delivery_from_answer({**EMPTY, "proof": ""})
    assert [int.from_bytes(delivery.output[i : i + WORD], "big") for i in range(0, 128, WORD)] == [
        0x40,
        0x60,
        0,
        0,
    ]
    assert delivery.proof == b""


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"output": "hi", "n": 3}, "{'output': 'hi', 'n': 3}"),
        (EMPTY, str(EMPTY)),
        ([1, True, None], "[1, True, None]"),
        ("plain", "plain"),
        (None, "None"),
    ],
)
def test_any_other_answer_is_delivered_as_text(answer: Any, text: str) -> None:
    assert delivery_from_answer(answer) == Delivery(b"", encode_text(text), b"")


@pytest.mark.parametrize("value", ["0x1", "zz", 5, ["00"]])
def test_what_is_not_hex_is_named(value: Any) -> None:
    with pytest.raises(MalformedOutputError, match="raw_output must be hex text") as caught:
        delivery_from_answer({**EMPTY, "proof": "", "raw_output": value})
    assert caught.value.field == "raw_output"


@given(st.text())
def test_text_survives_the_way_to_the_consumer(text: str) -> None:
    answer = {**EMPTY, "proof": "", "raw_output": encode_text(text).hex()}
    assert text_from_delivery(delivery_from_answer(answer).output) == text


@given(st.binary(max_size=200))
def test_foreign_bytes_decode_to_text_or_a_value_error(data: bytes) -> None:
    try:
        text = decode_text(data)
    except ValueError:
        return
    assert decode(["string"], data) == (text,)


def test_a_consumer_that_decodes_once_is_told_so() -> None:
    with pytest.raises(ValueError, match=r"not abi\.encode"):
        text_from_delivery(encode_text("yes"))
