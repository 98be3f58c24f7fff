"""Vectors of the Infernet SDK: a hash that differs finds nothing on chain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infernet_protocol.hashing import container_id, delegation_key, interval_key, response_key

ELEVENS = "0x" + "11" * 20


@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        ("container", "9a368385fc92ce7a7910485800075b12c58839080e1366938f122ce36ca00a3d"),
        (["hello-world"], "5768661526084c7b4d30f7224ed6c74ade98db3c6c395c55400a17f34a547e22"),
        (["A", "B", "C"], "58e516fa64e8520e529e772bac90a9a2120fd59c2d97733a38dc2b78360d430d"),
        ("a,b", "0deeac3a841600829c99f8116bb997da266d4c47a720b00e6ace9594de82dd54"),
        ("SERVICE_NAME", "011c652c7a8ab1a5083dbfbbb496086a94c34a0e345231cabfb8a456a7c360ca"),
    ],
)
def test_container_id_is_the_hash_of_the_joined_names(
    containers: str | list[str], expected: str
) -> None:
    assert container_id(containers).hex() == expected


@pytest.mark.parametrize("containers", [[], [""], "a,,b", ["a,b"]])
def test_container_id_refuses_what_names_no_pipeline(containers: str | list[str]) -> None:
    with pytest.raises(ValueError, match=r"^containers: "):
        container_id(containers)


def test_interval_key() -> None:
    assert interval_key(1, 1).hex() == (
        "cc69885fda6bcc1a4ace058b4a62bf5e179ea78fd58a1ccd71c22cc9b688792f"
    )


def test_response_key() -> None:
    assert response_key(1, 1, ELEVENS).hex() == (
        "94052e0e32d5db41448865389cf93e095db83ec0758465cbd47fb1536e9fd8dc"
    )


def test_delegation_key() -> None:
    assert delegation_key(ELEVENS, 0).hex() == (
        "f043c50fe795c69f30b8ff78b84032dc53a9d87ca283ae10a1dacfbb648e83ef"
    )


@given(st.lists(st.text("abc_-.09", min_size=1), min_size=1))
def test_a_list_of_names_and_their_joined_form_are_the_same_pipeline(names: list[str]) -> None:
    assert container_id(names) == container_id(",".join(names))
