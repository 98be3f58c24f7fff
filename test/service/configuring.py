"""Loads settings the way tests of the configuration want them."""

import json
from typing import Any

import pytest

from tgi_service import ConfigurationError, config
from tgi_service.config import Settings
from tgi_service.retries import RetryPolicy
from tgi_service.workflow_args import retry_policy

URL = "http://tgi:80"


def load(**variables: Any) -> Settings:
    """Loads settings; a server is configured unless the test says otherwise."""
    environment = {"TGI_INF_WORKFLOW_POSITIONAL_ARGS": json.dumps([URL, 30])}
    environment |= {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in variables.items()
    }
    return config.load({name: value for name, value in environment.items() if value != "UNSET"})


def refusal(**variables: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(**variables)
    return str(caught.value)


def policy_of(settings: Settings) -> RetryPolicy:
    return retry_policy(settings.workflow.retry_params)
