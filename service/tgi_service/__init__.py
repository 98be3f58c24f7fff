"""The TGI container: turns a job of an Infernet node into a call of a TGI server."""

from tgi_service.errors import (
    ConfigurationError,
    InfernetMLException,
    ServiceException,
    TgiServiceError,
)
from tgi_service.workflow import TGIClientInferenceWorkflow, TgiInferenceRequest

__all__ = [
    "ConfigurationError",
    "InfernetMLException",
    "ServiceException",
    "TGIClientInferenceWorkflow",
    "TgiInferenceRequest",
    "TgiServiceError",
]
