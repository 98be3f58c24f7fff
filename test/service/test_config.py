"""From environment variables to settings."""

from typing import Any

import pytest

from test.service.configuring import URL, load, policy_of, refusal


def test_defaults() -> None:
    settings = load()

    assert settings.workflow.server_urls == (URL,)
    assert settings.workflow.timeout == 30
    assert settings.workflow.headers == {}
    assert settings.workflow.cookies == {}
    assert settings.workflow.parameters == {}
    assert settings.job_deadline == 170
    assert settings.max_content_length == 16 * 2**20


@pytest.mark.parametrize(
    "value", ["UNSET", "", '["http://FILL_HOSTNAME_HERE", 30]', '["http://fill_hostname_here:80"]']
)
def test_placeholder_is_refused_naming_the_variable(value: str) -> None:
    message = refusal(TGI_INF_WORKFLOW_POSITIONAL_ARGS=value)

    assert "TGI_INF_WORKFLOW_POSITIONAL_ARGS" in message
    assert "FILL_HOSTNAME_HERE" in message


@pytest.mark.parametrize(
    "value",
    ["[nope", "{}", "[]", "7", "null", '"http://tgi"', [URL, 30, {}, {}, {}, 6], "http://tgi"],
)
def test_positional_arguments_must_be_a_list_of_one_to_five(value: Any) -> None:
    message = refusal(TGI_INF_WORKFLOW_POSITIONAL_ARGS=value)

    assert "TGI_INF_WORKFLOW_POSITIONAL_ARGS" in message
    assert "list" in message


def test_refusal_shows_the_value() -> None:
    assert "[nope" in refusal(TGI_INF_WORKFLOW_POSITIONAL_ARGS="[nope")


@pytest.mark.parametrize("value", ["[]", "7", "null", "{nope", "text"])
def test_keyword_arguments_must_be_an_object(value: str) -> None:
    message = refusal(TGI_INF_WORKFLOW_KW_ARGS=value)

    assert "TGI_INF_WORKFLOW_KW_ARGS" in message
    assert "object" in message


@pytest.mark.parametrize(
    "url",
    [
        "tgi:80",
        "ftp://tgi",
        "http://",
        "http:///path",
        "http://tgi:port",
        "http://tgi:0",
        "http://tgi:99999",
        "http://t gi",
        "http://user:secret@tgi",
        "http://tgi?key=secret",
        "http://tgi#part",
        "http://tgi..example:80",
        f"http://{64 * 'a'}:80",
        "http://tgi\x00:80",
        {"host": "tgi"},
        None,
        7,
    ],
)
def test_server_url_must_be_one(url: Any) -> None:
    message = refusal(TGI_INF_WORKFLOW_POSITIONAL_ARGS=[url, 30])

    assert "server_url" in message
    assert "user:secret" not in message


@pytest.mark.parametrize("timeout", [0, -1, "30", True, [], float("inf"), 1e300])
def test_timeout_must_be_positive_and_one_that_sockets_take(timeout: Any) -> None:
    assert "timeout" in refusal(TGI_INF_WORKFLOW_POSITIONAL_ARGS=[URL, timeout])


def test_keyword_wins_for_timeout() -> None:
    settings = load(TGI_INF_WORKFLOW_KW_ARGS={"timeout": 2})

    assert settings.workflow.timeout == 2


def test_server_url_as_keyword() -> None:
    settings = load(
        TGI_INF_WORKFLOW_POSITIONAL_ARGS="UNSET", TGI_INF_WORKFLOW_KW_ARGS={"server_url": URL}
    )

    assert settings.workflow.server_urls == (URL,)


def test_server_url_given_twice_is_refused() -> None:
    message = refusal(TGI_INF_WORKFLOW_KW_ARGS={"server_url": URL})

    assert "TGI_INF_WORKFLOW_POSITIONAL_ARGS" in message
    assert "TGI_INF_WORKFLOW_KW_ARGS" in message


def test_headers_and_cookies_are_merged_keyword_over_positional() -> None:
    settings = load(
        TGI_INF_WORKFLOW_POSITIONAL_ARGS=[
            URL,
            30,
            {"X-One": "1", "x-two": "2"},
            {"a": "1", "b": "2"},
        ],
        TGI_INF_WORKFLOW_KW_ARGS={"headers": {"X-Two": "3"}, "cookies": {"b": "3"}},
    )

    assert settings.workflow.headers == {"X-One": "1", "X-Two": "3"}
    assert settings.workflow.cookies == {"a": "1", "b": "3"}


@pytest.mark.parametrize(
    ("token", "expected"), [("abc", "abc"), ("123", "123"), ("1e3", "1e3"), ('"quoted"', "quoted")]
)
def test_token_is_text_and_replaces_a_configured_authorization(token: str, expected: str) -> None:
    settings = load(
        TGI_INF_TOKEN=token, TGI_INF_WORKFLOW_KW_ARGS={"headers": {"authorization": "Basic x"}}
    )

    assert settings.workflow.headers == {"Authorization": f"Bearer {expected}"}


@pytest.mark.parametrize("token", ["", "  "])
def test_empty_token_is_none(token: str) -> None:
    assert load(TGI_INF_TOKEN=token).workflow.headers == {}


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "schlüssel"])
def test_impossible_token_is_refused_without_showing_it(token: str) -> None:
    message = refusal(TGI_INF_TOKEN=token)

    assert "TGI_INF_TOKEN" in message
    assert token not in message


@pytest.mark.parametrize(
    "variables",
    [
        {"TGI_INF_WORKFLOW_POSITIONAL_ARGS": ["nope", 30, {"Authorization": "Bearer s3cret"}]},
        {"TGI_INF_WORKFLOW_POSITIONAL_ARGS": ["nope", 30, "s3cret"]},
        {"TGI_INF_WORKFLOW_POSITIONAL_ARGS": ["nope", 30, {}, {"session": "s3cret"}]},
        {"TGI_INF_WORKFLOW_POSITIONAL_ARGS": '["nope", 30, {"Authorization": "s3cret"}'},
        {"TGI_INF_WORKFLOW_POSITIONAL_ARGS": ["http://s3cret@tgi"]},
        {"TGI_INF_WORKFLOW_KW_ARGS": {"headers": {"X-Key": "s3cret"}, "top_p": 7}},
        {"TGI_INF_WORKFLOW_KW_ARGS": {"cookies": {"id": "s3cret\n"}}},
        {"TGI_INF_WORKFLOW_KW_ARGS": {"headers": "s3cret"}},
        {"TGI_INF_WORKFLOW_KW_ARGS": {"api_key": "s3cret"}},
        {"TGI_INF_WORKFLOW_KW_ARGS": {"headers": {"X-Key": ["s3cret"]}}},
        {"TGI_INF_WORKFLOW_KW_ARGS": '{"headers": {"X-Key": "s3cret"}'},
        {"TGI_INF_WORKFLOW_KW_ARGS__headers__Authorization": "s3cret\tü"},
        {"TGI_INF_WORKFLOW_POSITIONAL_ARGS": [URL, {"X-Custom": "s3cret"}]},
        {"TGI_INF_WORKFLOW_POSITIONAL_ARGS": [{"X-Custom": "s3cret"}, 30]},
    ],
)
def test_secrets_are_masked_in_refusals(variables: dict[str, Any]) -> None:
    assert "s3cret" not in refusal(**variables)


@pytest.mark.parametrize(
    "variables",
    [
        {"TGI_INF_WORKFLOW_KW_ARGS": {"headers": {"X-Key": 5317042}}},
        {"TGI_INF_WORKFLOW_POSITIONAL_ARGS": [URL, 30, {"X-Key": 5317042}]},
        {"TGI_INF_WORKFLOW_POSITIONAL_ARGS": [URL, 30, {}, {"session": [5317042]}]},
    ],
)
def test_secrets_made_of_digits_are_masked_too(variables: dict[str, Any]) -> None:
    assert "5317042" not in refusal(**variables)


def test_what_is_no_secret_is_shown() -> None:
    positional = [URL, 30, {}, {}, {"tries": 0}]
    assert '{"tries": 0}' in refusal(TGI_INF_WORKFLOW_POSITIONAL_ARGS=positional)
    assert '"max_new_tokens": -7' in refusal(TGI_INF_WORKFLOW_KW_ARGS={"max_new_tokens": -7})


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"temprature": 1}, "temprature"),
        ({"temperature": 0}, "temperature"),
        ({"temperature": 10**400}, "temperature"),
        ({"top_p": 1.0}, "top_p"),
        ({"typical_p": 0}, "typical_p"),
        ({"top_k": 0}, "top_k"),
        ({"repetition_penalty": 0}, "repetition_penalty"),
        ({"frequency_penalty": 2.1}, "frequency_penalty"),
        ({"max_new_tokens": 0}, "max_new_tokens"),
        ({"seed": -1}, "seed"),
        ({"best_of": 0}, "best_of"),
        ({"stop": "."}, "stop"),
        ({"stop": [""]}, "stop"),
        ({"truncate": 0}, "truncate"),
        ({"do_sample": 1}, "do_sample"),
        ({"grammar": {"type": "xml", "value": 1}}, "grammar"),
        ({"stop": ["a"], "stop_sequences": ["b"]}, "stop"),
    ],
)
def test_wrong_generation_parameter_is_refused_naming_it(
    parameters: dict[str, Any], named: str
) -> None:
    message = refusal(TGI_INF_WORKFLOW_KW_ARGS=parameters)

    assert "TGI_INF_WORKFLOW_KW_ARGS" in message
    assert named in message


def test_generation_parameters_get_the_names_of_tgi() -> None:
    settings = load(
        TGI_INF_WORKFLOW_KW_ARGS={
            "stop_sequences": ["."],
            "temperature": 1,
            "frequency_penalty": -2,
            "adapter_id": "lora",
            "retry_params": {"tries": 1},
        }
    )

    assert settings.workflow.parameters == {
        "stop": ["."],
        "temperature": 1,
        "frequency_penalty": -2,
        "adapter_id": "lora",
    }


def test_nested_names_set_single_entries_and_win() -> None:
    settings = load(
        TGI_INF_WORKFLOW_KW_ARGS={"temperature": 0.9, "seed": 1},
        TGI_INF_WORKFLOW_KW_ARGS__temperature="0.5",
        TGI_INF_WORKFLOW_KW_ARGS__retry_params__tries="5",
    )

    assert settings.workflow.parameters == {"temperature": 0.5, "seed": 1}
    assert policy_of(settings).tries == 5


def test_nested_name_creates_missing_objects() -> None:
    settings = load(TGI_INF_WORKFLOW_KW_ARGS__seed="7")

    assert settings.workflow.parameters == {"seed": 7}


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("[]", "a list"),
        ("null", "null"),
        ("true", "a boolean"),
        ("1.5", "a number"),
        ("text", "a string"),
    ],
)
def test_nested_name_below_something_else_is_refused(value: str, kind: str) -> None:
    message = refusal(TGI_INF_WORKFLOW_KW_ARGS=value, TGI_INF_WORKFLOW_KW_ARGS__seed="7")

    assert "TGI_INF_WORKFLOW_KW_ARGS__seed" in message
    assert kind in message


def test_unset_length_is_worth_a_hint() -> None:
    def hints(**variables: Any) -> list[str]:
        return [text for text in load(**variables).warnings if "max_new_tokens" in text]

    assert len(hints()) == 1
    assert hints(TGI_INF_WORKFLOW_KW_ARGS={"max_new_tokens": 200}) == []


def test_misspelt_variable_is_worth_a_hint() -> None:
    warnings = load(
        TGI_INF_LOG_PROMTS="true", TGI_INF_BODY_TIMEOUT="60", TGI_REQUEST_RETRIES="5"
    ).warnings

    assert [text for text in warnings if "no setting" in text] == [
        "TGI_INF_LOG_PROMTS is no setting of this service and has no effect",
        "TGI_REQUEST_RETRIES is no setting of this service and has no effect",
    ]


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("MAX_CONTENT_LENGTH", "1000", "max_content_length", 1000),
        ("MAX_ANSWER_BYTES", "1000", "max_answer_bytes", 1000),
        ("MAX_INPUT_CHARS", "10", "max_input_chars", 10),
        ("MAX_NEW_TOKENS_LIMIT", "10", "max_new_tokens_limit", 10),
        ("MAX_ONCHAIN_OUTPUT_BYTES", "96", "max_onchain_output_bytes", 96),
        ("MAX_CONCURRENCY", "4", "max_concurrency", 4),
        ("JOB_DEADLINE", "12.5", "job_deadline", 12.5),
        ("JOB_DEADLINE", "0", "job_deadline", None),
        ("SYSTEM_PROMPT", "Be brief.", "system_prompt", "Be brief."),
        ("SYSTEM_PROMPT", "42", "system_prompt", "42"),
        ("SYSTEM_PROMPT", "null", "system_prompt", "null"),
        ("SYSTEM_PROMPT", '{"role": "pirate"}', "system_prompt", '{"role": "pirate"}'),
        ("SYSTEM_PROMPT", '"Be brief."', "system_prompt", "Be brief."),
        ("MODEL", "1e3", "model", "1e3"),
        ("ALLOW_IMAGE_URLS", "false", "allow_image_urls", False),
        ("ALLOW_IMAGE_URLS", "True", "allow_image_urls", True),
        ("LOG_PROMPTS", "TRUE", "log_prompts", True),
        ("ADVERTISE_MODEL", "true", "advertise_model", True),
    ],
)
def test_plain_settings(name: str, value: str, field: str, expected: Any) -> None:
    assert getattr(load(**{f"TGI_INF_{name}": value}), field) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_CONTENT_LENGTH", "0"),
        ("MAX_ANSWER_BYTES", "0"),
        ("MAX_INPUT_CHARS", "many"),
        ("MAX_CONCURRENCY", "true"),
        ("MAX_CONCURRENCY", "1.5"),
        ("JOB_DEADLINE", "-1"),
        ("JOB_DEADLINE", "null"),
        pytest.param("JOB_DEADLINE", "1" + 400 * "0", id="JOB_DEADLINE-huge"),
        ("LOG_PROMPTS", "maybe"),
        ("ADVERTISE_MODEL", "2"),
        ("SYSTEM_PROMPT__role", "pirate"),
    ],
)
def test_wrong_plain_setting_is_refused_naming_the_variable(name: str, value: str) -> None:
    message = refusal(**{f"TGI_INF_{name}": value})

    assert f"TGI_INF_{name.partition('__')[0]}" in message
    assert value[:300] in message
