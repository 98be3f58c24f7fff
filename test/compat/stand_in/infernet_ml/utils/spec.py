"""The only name that infernet-client 1.4.0 takes from infernet-ml, of a version never published."""

from typing import Any

ServiceResources = dict[str, Any]
