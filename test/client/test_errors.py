import pickle

import pytest

from infernet_client import error


def test_api_error_texts() -> None:
    assert str(error.APIError(405, "Container not supported", {"container": "x"})) == (
        "[405] Container not supported - [container=x]"
    )
    assert str(error.APIError(405, "No", {"a": 1, "b": "c"})) == "[405] No - [a=1, b=c]"
    assert str(error.APIError(500, "message")) == "[500] message"
    assert str(error.APIError(500)) == "[500] Error occurred in API call"
    assert error.APIError(500).params == {}


@pytest.mark.parametrize(
    "instance",
    [
        error.APIError(405, "No", {"a": 1}),
        error.JobNotFoundError("1"),
        error.ParameterError("owner", "missing"),
        error.TransactionFailedError("approve", "Unauthorized", "0x12"),
        error.AllowanceMismatchError("0x1", 2, 3),
        error.WalletNotCreatedError("0x1", "0x2"),
    ],
)
def test_errors_survive_another_process(instance: error.InfernetError) -> None:
    copy = pickle.loads(pickle.dumps(instance))

    assert type(copy) is type(instance)
    assert str(copy) == str(instance)


def test_codes_are_distinct() -> None:
    classes: list[type[error.InfernetError]] = [
        error.InfernetError,
        *error.InfernetError.__subclasses__(),
    ]

    assert len({cls.code for cls in classes}) == len(classes)
