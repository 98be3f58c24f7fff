"""gunicorn, configured in one place for what this service needs."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from tgi_service import multiprocess
from tgi_service.slots import JOBS_PER_WORKER

_SPARE_THREADS = 32
"""Beyond those of running jobs: for health checks, metrics and refusals."""
_SILENCE = 200
"""Seconds after which a worker counts as dead. Its main thread never works on a job."""
_GRACE = 60
"""Seconds that running jobs get to finish on SIGTERM; the node grants as much."""


class ServiceLogger(Logger):  # type: ignore[misc]
    """Sends gunicorn's messages the way of all others."""

    def setup(self, cfg: Any) -> None:
        """Takes gunicorn's own output away after gunicorn has set it up."""
        super().setup(cfg)
        logger = logging.getLogger("gunicorn.error")
        logger.handlers.clear()
        logger.propagate = True


class Server(BaseApplication):  # type: ignore[misc]
    """Worker processes of many threads, all listening on the same addresses.

    Args:
        make_app: called once in each worker.
    """

    def __init__(
        self, make_app: Callable[[], Flask], *, addresses: Sequence[str], workers: int
    ) -> None:
        self._make_app = make_app
        self._options = {
            "bind": list(addresses),
            "workers": workers,
            "worker_class": "tgi_service.worker.DrainingWorker",
            "threads": JOBS_PER_WORKER + _SPARE_THREADS,
            "timeout": _SILENCE,
            "graceful_timeout": _GRACE,
            "logger_class": ServiceLogger,
            "control_socket_disable": True,
            "child_exit": multiprocess.forget_worker,
        }
        super().__init__()

    def load_config(self) -> None:
        """Applies the options that this version of gunicorn knows."""
        for name, value in self._options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        """Builds the application of one worker."""
        return self._make_app()
