"""Retry settings: three places to write them, and which one wins."""

import itertools
from typing import Any

import pytest

from test.service.configuring import URL, load, policy_of, refusal

SAMPLE = {
    "TGI_INF_WORKFLOW_KW_ARGS": "{}",
    "TGI_REQUEST_TRIES": "3",
    "TGI_REQUEST_DELAY": "3",
    "TGI_REQUEST_MAX_DELAY": "10",
    "TGI_REQUEST_BACKOFF": "2",
    "TGI_REQUEST_JITTER": "[0.5, 1.5]",
}
"""The variables of the documented sample, except for the server."""


def test_sample_equals_the_defaults() -> None:
    assert policy_of(load(**SAMPLE)) == policy_of(load())


FIELDS = {
    "tries": (5, 7),
    "delay": (1.5, 2.5),
    "max_delay": (20.0, None),
    "backoff": (3.0, 4.0),
    "jitter": ((0.0, 1.0), (2.0, 2.0)),
}
"""For each field of the retry settings two values that are not its default."""


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize(
    ("keyword", "positional", "variable"), itertools.product([True, False], repeat=3)
)
def test_precedence_of_each_retry_field(
    name: str, keyword: bool, positional: bool, variable: bool
) -> None:
    """Explicit keyword, then fifth positional, then variable, then default."""
    first, second = FIELDS[name]
    default = getattr(policy_of(load()), name)
    third = {"tries": 9, "delay": 9.0, "max_delay": 9.0, "backoff": 9.0, "jitter": (9.0, 9.0)}[name]
    variables: dict[str, Any] = {}
    if keyword:
        variables["TGI_INF_WORKFLOW_KW_ARGS"] = {"retry_params": {name: first}}
    if positional:
        variables["TGI_INF_WORKFLOW_POSITIONAL_ARGS"] = [URL, 30, None, None, {name: second}]
    if variable:
        variables[f"TGI_REQUEST_{name.upper()}"] = third

    policy = policy_of(load(**variables))

    expected = first if keyword else second if positional else third if variable else default
    assert getattr(policy, name) == expected
    for other in FIELDS.keys() - {name}:
        assert getattr(policy, other) == getattr(policy_of(load()), other)


def test_fields_of_keyword_and_positional_are_merged() -> None:
    policy = policy_of(
        load(
            TGI_INF_WORKFLOW_POSITIONAL_ARGS=[URL, 30, None, None, {"tries": 5, "delay": 7}],
            TGI_INF_WORKFLOW_KW_ARGS={"retry_params": {"tries": 6}},
        )
    )

    assert (policy.tries, policy.delay) == (6, 7)


def test_variables_win_over_the_documented_default_of_the_keyword_arguments() -> None:
    policy = policy_of(load(TGI_REQUEST_TRIES="5", TGI_REQUEST_DELAY="1"))

    assert (policy.tries, policy.delay) == (5, 1)


def test_explicit_field_that_hides_a_variable_is_worth_a_warning() -> None:
    settings = load(
        TGI_INF_WORKFLOW_KW_ARGS={"retry_params": {"tries": 5, "delay": 3}},
        TGI_REQUEST_TRIES="4",
        TGI_REQUEST_DELAY="3",
    )

    hiding = [warning for warning in settings.warnings if "TGI_REQUEST" in warning]
    assert hiding == ["retry_params sets tries to 5, which wins over TGI_REQUEST_TRIES"]


@pytest.mark.parametrize("name", ["tries", "delay", "backoff", "jitter"])
def test_null_means_the_default(name: str) -> None:
    explicit = load(TGI_INF_WORKFLOW_KW_ARGS={"retry_params": {name: None}})
    by_variable = load(**{f"TGI_REQUEST_{name.upper()}": "null"})

    assert policy_of(explicit) == policy_of(load()) == policy_of(by_variable)


def test_null_as_cap_means_none() -> None:
    assert policy_of(load(TGI_REQUEST_MAX_DELAY="null")).max_delay is None
    explicit = {"retry_params": {"max_delay": None}}
    assert policy_of(load(TGI_INF_WORKFLOW_KW_ARGS=explicit)).max_delay is None


def test_no_retry_params_are_empty_ones() -> None:
    assert policy_of(load(TGI_INF_WORKFLOW_KW_ARGS={"retry_params": None})) == policy_of(load())


@pytest.mark.parametrize("text", ["[0.5,1.5]", "[0.5, 1.5]", " [0.5,1.5] "])
def test_jitter_with_and_without_space(text: str) -> None:
    assert policy_of(load(TGI_REQUEST_JITTER=text)).jitter == (0.5, 1.5)


def test_jitter_as_a_number() -> None:
    assert policy_of(load(TGI_REQUEST_JITTER="1")).jitter == (1, 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tries", 0),
        ("tries", 2.5),
        ("tries", "three"),
        ("tries", True),
        ("delay", -1),
        ("delay", "soon"),
        ("delay", False),
        pytest.param("delay", 10**400, id="delay-huge"),
        ("max_delay", -1),
        ("max_delay", "never"),
        ("backoff", 0),
        ("backoff", -2),
        ("backoff", [2]),
        ("jitter", [2, 1]),
        ("jitter", [1]),
        ("jitter", [1, 2, 3]),
        ("jitter", ["a", "b"]),
        ("jitter", {"min": 1}),
        ("jitter", "NaN"),
    ],
)
def test_wrong_retry_field_is_refused_naming_it(name: str, value: Any) -> None:
    by_variable = refusal(**{f"TGI_REQUEST_{name.upper()}": value})
    explicit = refusal(TGI_INF_WORKFLOW_KW_ARGS={"retry_params": {name: value}})

    assert f"TGI_REQUEST_{name.upper()}" in by_variable
    assert "TGI_INF_WORKFLOW_KW_ARGS" in explicit
    assert name in explicit


def test_unknown_retry_field_is_refused() -> None:
    message = refusal(TGI_INF_WORKFLOW_KW_ARGS={"retry_params": {"attempts": 3}})

    assert "attempts" in message
