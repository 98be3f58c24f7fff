"""Finds the workflow class that an operator names."""

import importlib
import re

from tgi_service.errors import ConfigurationError
from tgi_service.workflow import TGIClientInferenceWorkflow

VARIABLE = "TGI_INF_WORKFLOW_CLASS"
_NAME = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)", re.ASCII)


def find_workflow_class(name: str | None) -> type[TGIClientInferenceWorkflow]:
    """Imports ``package.module:Class``; the service's own class if there is no name.

    Raises:
        ConfigurationError: if there is no such class, or it is no workflow. Errors of the
            module itself are raised as they are: their trace is what its author needs.
    """
    if name is None:
        return TGIClientInferenceWorkflow
    match = _NAME.fullmatch(name)
    if match is None:
        raise ConfigurationError(
            f"{VARIABLE} is not valid: must be package.module:Class; it is {name!r}"
        )
    module_name, class_name = match.groups()
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ConfigurationError(
            f"{VARIABLE}: {module_name} cannot be imported ({error}): install it in the "
            "service's environment, or put its directory into PYTHONPATH"
        ) from error
    found = getattr(module, class_name, None)
    if not isinstance(found, type) or not issubclass(found, TGIClientInferenceWorkflow):
        raise ConfigurationError(
            f"{VARIABLE}: {class_name} of {module_name} must be a subclass of "
            f"{TGIClientInferenceWorkflow.__name__}"
        )
    return found
