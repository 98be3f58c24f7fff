"""Runs jobs: limits around them, a record of each."""

import logging
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from infernet_protocol.messages import JobLocation
from tgi_service.call import Call, Cancellation, Clock
from tgi_service.config import Settings
from tgi_service.envelope import Envelope, read_envelope
from tgi_service.errors import CallerGoneError, ServiceException
from tgi_service.logs import fields
from tgi_service.metrics import Metrics
from tgi_service.onchain import encode_output
from tgi_service.overseer import Overseer
from tgi_service.question import Question, read_question
from tgi_service.slots import JobSlots, LargeBodies
from tgi_service.streaming import StreamBody
from tgi_service.workflow import TGIClientInferenceWorkflow, TgiInferenceRequest

log = logging.getLogger(__name__)


@dataclass
class Desk:
    """What all jobs of a worker process share."""

    workflow: TGIClientInferenceWorkflow
    settings: Settings
    metrics: Metrics
    slots: JobSlots = field(default_factory=JobSlots)
    large_bodies: LargeBodies = field(default_factory=LargeBodies)
    overseer: Overseer = field(default_factory=Overseer)
    clock: Clock = field(default_factory=Clock)


class Job:
    """One job, from its arrival to the end of its answer.

    Args:
        job_id: what the caller calls it, if anything; appears in the log.
        connection: to the caller, to notice when it leaves.
    """

    def __init__(self, desk: Desk, job_id: str | None, connection: socket.socket | None) -> None:
        self._desk = desk
        self._id = job_id
        self._connection = connection
        self._started = desk.clock.now()
        self._envelope: Envelope | None = None
        self._call = Call()
        self._held = ExitStack()
        self._finished = False

    def run(self, body: bytes, *, is_json: bool) -> Mapping[str, Any] | StreamBody:
        """Does the job.

        Returns:
            The JSON answer; or a stream that ends the job when it is closed.

        Raises:
            ServiceException: if there is no answer.
        """
        try:
            return self._run(body, is_json=is_json)
        except BaseException as error:
            self.finish(error)
            raise

    def finish(self, error: BaseException | None = None) -> None:
        """Gives back what the job holds, and puts it on record; once, however often called."""
        if self._finished:
            return
        self._finished = True
        self._held.close()
        self._record(error)

    def _run(self, body: bytes, *, is_json: bool) -> Mapping[str, Any] | StreamBody:
        desk, settings = self._desk, self._desk.settings
        self._envelope = envelope = read_envelope(body, is_json=is_json)
        question = read_question(envelope, settings)
        streamed = envelope.destination is JobLocation.STREAM
        self._call = Call(
            cancellation=Cancellation(desk.clock, None if streamed else settings.job_deadline),
            parameters=_with_details(question),
            messages=_with_system_prompt(question, settings.system_prompt),
        )
        self._held.enter_context(desk.slots.one())
        self._held.enter_context(desk.metrics.in_flight.track_inprogress())
        self._held.enter_context(desk.overseer.watching(self._call.cancellation, self._connection))
        request = TgiInferenceRequest(text=question.text)
        if streamed:
            with self._call.current():
                items = desk.workflow.stream(request)
            return StreamBody(items, self._call, self._begin, self.finish)
        with self._call.current():
            text = desk.workflow.inference(request, settings.log_prompts)
        answer = self._answer(text, question, envelope.destination)
        self.finish()
        return answer

    def _begin(self) -> None:
        seconds = self._desk.clock.now() - self._started
        self._desk.metrics.first_token_seconds.observe(seconds)

    def _answer(self, text: str, question: Question, destination: JobLocation) -> Mapping[str, Any]:
        if destination is JobLocation.ONCHAIN:
            limit = self._desk.settings.max_onchain_output_bytes
            return encode_output(text, question.raw_input, limit)
        if question.wants_details:
            return {"output": text, "details": self._call.details}
        return {"output": text}

    def _record(self, error: BaseException | None) -> None:
        metrics, call, envelope = self._desk.metrics, self._call, self._envelope
        source = envelope.source.name.lower() if envelope else "unknown"
        destination = envelope.destination.name.lower() if envelope else "unknown"
        status = _status(error)
        seconds = self._desk.clock.now() - self._started
        metrics.jobs.labels(source, destination, status).inc()
        metrics.job_seconds.labels(destination).observe(seconds)
        metrics.attempts.inc(call.attempts)
        metrics.retries.inc(max(0, call.attempts - 1))
        for name in call.failures:
            metrics.failures.labels(name).inc()
        metrics.tokens.inc(call.generated_tokens or 0)
        if call.attempts:
            metrics.tgi_seconds.observe(call.tgi_seconds)
        log.info(
            "job",
            extra=fields(
                id=self._id,
                source=source,
                destination=destination,
                status=status,
                attempts=call.attempts,
                seconds=round(seconds, 3),
                tgi_seconds=round(call.tgi_seconds, 3),
                tokens=call.generated_tokens,
                error=None if error is None else type(error).__name__,
                reason=self._reason(error),
            ),
        )

    def _reason(self, error: BaseException | None) -> str | None:
        """The error's text, unless it may repeat what must not be logged."""
        if not isinstance(error, ServiceException):
            return None
        return None if error.quotes and not self._desk.settings.log_prompts else str(error)


def _status(error: BaseException | None) -> str:
    match error:
        case None:
            return "200"
        case CallerGoneError():
            return "cancelled"
        case ServiceException():
            return str(error.status.value)
        case _:
            return "500"


def _with_details(question: Question) -> Mapping[str, Any]:
    return (
        {**question.parameters, "details": True} if question.wants_details else question.parameters
    )


def _with_system_prompt(
    question: Question, system_prompt: str | None
) -> tuple[Mapping[str, Any], ...]:
    messages = question.messages
    if not messages or not system_prompt or any(m["role"] == "system" for m in messages):
        return messages
    return ({"role": "system", "content": system_prompt}, *messages)
