"""Why a node does not start."""


class StartError(Exception):
    """The node cannot start; names the setting and the fix."""

    code = "start_failed"
