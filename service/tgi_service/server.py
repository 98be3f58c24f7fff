"""The command ``tgi-service``: settings, one probe of TGI, then the web server."""

import argparse
import gc
import logging
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from dotenv import load_dotenv
from flask import Flask

from tgi_service import config, logs, multiprocess
from tgi_service.binding import EVERY_ADDRESS, LOOPBACK, read_address
from tgi_service.call import Call, Cancellation
from tgi_service.config import Settings
from tgi_service.errors import ConfigurationError, InfernetMLException, TgiServiceError
from tgi_service.gunicorn_app import Server
from tgi_service.logs import fields
from tgi_service.slots import JobSlots, SharedSlots
from tgi_service.workflow import TGIClientInferenceWorkflow
from tgi_service.workflow_class import find_workflow_class

log = logging.getLogger(__name__)
_PROGRAM = "tgi-service"
_PROBE_PATIENCE = 60.0
"""Seconds that retries of the probe may delay the start, whatever the retry policy says."""


@dataclass(frozen=True, slots=True)
class Options:
    """The command line."""

    addresses: tuple[str, ...]
    workers: int


def main(
    arguments: Sequence[str] | None = None,
    workflow_class: type[TGIClientInferenceWorkflow] | None = None,
) -> None:
    """Runs the service until it is told to stop.

    Args:
        arguments: the command line; that of the process if ``None``.
        workflow_class: one with other steps around the model; if ``None``, the one that
            the environment names, or else the service's own.

    Raises:
        SystemExit: with a status other than 0 if the service cannot start.
    """
    in_container = os.environ.get("RUNTIME") == "docker"
    options = read_options(arguments, in_container=in_container)
    if not in_container:
        # Values are JSON: a dollar sign in them is no reference.
        load_dotenv(Path.cwd() / ".env", interpolate=False)
    logs.configure()
    # The web server will do better. Until it runs, the first process of a container would
    # not hear the signal at all.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        settings = config.load(os.environ)
        workflow = start_workflow(
            settings, workflow_class or find_workflow_class(settings.workflow_class)
        )
    except TgiServiceError as error:
        sys.exit(f"{_PROGRAM}: {error}")
    limit = settings.max_concurrency
    slots = JobSlots(shared=None if limit is None else SharedSlots(limit))

    def make_app() -> Flask:
        app = _make_app(settings, workflow, slots)
        _keep_for_good()
        return app

    _keep_for_good()
    with multiprocess.metrics_directory():
        Server(make_app, addresses=options.addresses, workers=options.workers).run()


def read_options(arguments: Sequence[str] | None, *, in_container: bool) -> Options:
    """Reads the command line.

    Raises:
        SystemExit: after a message, if an option is unknown or not valid.
    """
    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        description="Answers the jobs of an Infernet node with text from a TGI server.",
        epilog="Everything else is configured by environment variables: TGI_INF_*, TGI_REQUEST_*.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "-b",
        "--bind",
        action="append",
        type=_address,
        metavar="ADDRESS",
        help=f"host:port, host, unix:PATH or fd://N; repeatable; nothing behind the equals sign "
        f"means {EVERY_ADDRESS} (default {EVERY_ADDRESS} in a container, else {LOOPBACK})",
    )
    parser.add_argument(
        "-w", "--workers", type=_count, default=1, metavar="N", help="worker processes (default 1)"
    )
    parser.add_argument("--version", action="version", version=version("infernet-tgi"))
    given = parser.parse_args(arguments)
    default = EVERY_ADDRESS if in_container else LOOPBACK
    return Options(addresses=tuple(given.bind or [default]), workers=given.workers)


def start_workflow(
    settings: Settings, workflow_class: type[TGIClientInferenceWorkflow]
) -> TGIClientInferenceWorkflow:
    """Makes the workflow that all workers inherit, and probes TGI once.

    Raises:
        ConfigurationError, InfernetMLException: if the configuration is wrong. That TGI is
            not there yet is no such error: the two may start in any order.
    """
    for warning in settings.warnings:
        log.warning("configuration", extra=fields(hint=warning))
    arguments = settings.workflow
    workflow = workflow_class(
        arguments.server_urls,
        arguments.timeout,
        arguments.headers,
        arguments.cookies,
        arguments.retry_params,
        backend=settings.backend,
        model=settings.model,
        max_answer_bytes=settings.max_answer_bytes,
        **arguments.parameters,
    )
    try:
        with Call(Cancellation(limit=_PROBE_PATIENCE)).current():
            workflow.setup()
    except InfernetMLException as error:
        if not error.passing:
            raise
        log.warning("tgi_not_ready", extra=fields(reason=str(error)))
    finally:
        workflow.backend.close()  # the workers that fork from this process make their own
    return workflow


def _keep_for_good() -> None:
    """Takes all there is now out of the search for garbage, which keeps every job waiting.

    Done before workers fork, it also keeps them from copying what they inherit.
    """
    gc.collect()
    gc.freeze()


def _make_app(settings: Settings, workflow: TGIClientInferenceWorkflow, slots: JobSlots) -> Flask:
    # Imported in the worker: the metrics library looks at the environment when it is loaded.
    from tgi_service.app import VERSION, create_app
    from tgi_service.jobs import Desk
    from tgi_service.metrics import Metrics

    return create_app(
        Desk(workflow=workflow, settings=settings, metrics=Metrics(VERSION), slots=slots)
    )


def _address(text: str) -> str:
    try:
        return read_address(text)
    except ConfigurationError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be an integer above 0; it is {text!r}")
    return int(text)
