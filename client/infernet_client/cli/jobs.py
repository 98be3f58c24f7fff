"""Commands that start jobs and look at their results."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import Any

import aiohttp
import click

from infernet_client import waiting
from infernet_client.cli import tables
from infernet_client.cli.failure import CommandFailed, explanation
from infernet_client.cli.group import Command
from infernet_client.cli.inputs import SecondsParameter, read_json, read_object
from infernet_client.cli.options import input_option, node_options, output_options
from infernet_client.cli.output import Output, progress
from infernet_client.node import STREAM_LIMIT, NodeClient
from infernet_client.streaming import text_of
from infernet_client.types import JobRequest, JobResult

SECONDS = SecondsParameter(min=0, min_open=True)

timeout_option = click.option(
    "--timeout",
    type=SECONDS,
    help=f"Seconds to wait for the end.  [default: {waiting.DEADLINE:g}]",
)


@click.command(cls=Command)
@node_options
@click.option(
    "-c",
    "--containers",
    required=True,
    metavar="A,B",
    help="Containers, separated by commas; each works on the output of the one before.",
)
@input_option
@click.option("--sync", "--wait", is_flag=True, help="Wait for the job and print its output.")
@click.option(
    "--retries", type=click.IntRange(min=0), help="Look so often, once a second, then give up."
)
@timeout_option
@click.option("--text", is_flag=True, help="With --sync: print only the text of the output.")
@click.option(
    "--requires-proof",
    type=click.BOOL,
    is_flag=False,
    flag_value="true",
    default=False,
    show_default=True,
    help="Whether the output must come with a proof.",
)
@output_options
def job(
    node: NodeClient,
    containers: str,
    source: str,
    sync: bool,
    retries: int | None,
    timeout: float | None,
    text: bool,
    requires_proof: bool,
    out: Output,
) -> None:
    """Start a job; print its id, or its output with --sync."""
    if retries is not None and timeout is not None:
        raise click.UsageError("--retries and --timeout exclude each other")
    if text and not sync:
        raise click.UsageError("--text is the text of the output: it needs --sync")
    request = JobRequest(
        containers=[name.strip() for name in containers.split(",")],
        data=read_object(source),
        requires_proof=requires_proof,
    )
    if not sync:
        job_id = asyncio.run(node.request_job(request))
        out.show_text(job_id, {"id": job_id})
        return
    finished = asyncio.run(_finished(node, request, retries, timeout or waiting.DEADLINE))
    output = _output(finished)
    if out.as_json:
        out.show(finished)
    else:
        out.show(_text(output) if text else output)


@click.command(cls=Command)
@node_options
@click.argument(
    "source",
    metavar="FILE",
    default="-",
    type=click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True),
)
@click.option("--sync", "--wait", is_flag=True, help="Wait for all jobs and print their results.")
@timeout_option
@output_options
def batch(node: NodeClient, source: str, sync: bool, timeout: float | None, out: Output) -> None:
    """Start the jobs of a JSON list.

    FILE, or standard input, holds the list. Prints an id or a refusal for each, in order.
    """
    jobs = read_json(source)
    if not isinstance(jobs, list) or not all(isinstance(job, dict) for job in jobs):
        raise CommandFailed(f"{source}: a JSON list of jobs is expected")
    answers: Sequence[Any] = asyncio.run(_batch(node, jobs, sync, timeout or waiting.DEADLINE))
    out.show(list(answers))
    failed = [n for n, answer in enumerate(answers, 1) if _is_failure(answer)]
    if failed:
        raise CommandFailed(
            f"{len(failed)} of {len(answers)} jobs did not succeed: {_listed(failed)}"
        )


@click.command(cls=Command)
@node_options
@click.option("-c", "--container", required=True, metavar="ID", help="Container to run.")
@input_option
@click.option(
    "--timeout",
    type=SECONDS,
    default=STREAM_LIMIT,
    show_default=True,
    help="Seconds for the whole stream.",
)
@output_options
def stream(node: NodeClient, container: str, source: str, timeout: float, out: Output) -> None:
    """Start a job and print its output as it comes.

    With --json each line is an object with the id or a piece of text.
    """
    data = read_object(source)
    asyncio.run(_print_stream(node, container, data, timeout, out))


@click.command(cls=Command)
@node_options
@click.option("--id", "ids", multiple=True, required=True, help="Id of a job. Repeatable.")
@click.option("--intermediate", is_flag=True, help="Also what the containers between answered.")
@output_options
def results(node: NodeClient, ids: tuple[str, ...], intermediate: bool, out: Output) -> None:
    """Show jobs and their results.

    The exit code is 1 if one failed or is not known.
    """
    found = asyncio.run(node.get_job_results(ids, intermediate))
    known = {result["id"] for result in found}
    unknown = [job_id for job_id in ids if job_id not in known]
    if found:
        out.show(found, tables.job_results)
    if unknown:
        raise CommandFailed(f"Job not found: {', '.join(unknown)}")
    if failed := [result["id"] for result in found if result["status"] == "failed"]:
        raise CommandFailed(f"Job failed: {', '.join(failed)}")


@click.command(cls=Command)
@node_options
@click.option(
    "--status",
    type=click.Choice(["pending", "completed", "all"], case_sensitive=False),
    default="all",
    show_default=True,
    help="Which jobs to list.",
)
@output_options
def ids(node: NodeClient, status: str, out: Output) -> None:
    """List the ids of your jobs."""
    pending = {"pending": True, "completed": False, "all": None}[status.lower()]
    out.show(asyncio.run(node.get_jobs(pending)))


async def _finished(
    node: NodeClient, request: JobRequest, retries: int | None, deadline: float
) -> JobResult:
    async with node:
        job_id = await node.request_job(request)
        with progress(f"Job {job_id} is running"):
            try:
                if retries is not None:
                    result = await node.get_job_result_sync(job_id, retries)
                else:
                    result = await node.wait_for_job(job_id, deadline)
            except TimeoutError as error:
                later = f"infernet-client results --id {job_id}"
                raise CommandFailed(f"{error}; look later with: {later}") from None
    if result is None:
        raise CommandFailed("Job not found.")
    return result


def _output(finished: JobResult) -> Any:
    result: Any = finished["result"]
    if finished["status"] != "success" or "error" in result:
        raise CommandFailed(str((result or {}).get("error") or "the job failed without a reason"))
    return result["output"]


def _text(output: Any) -> Any:
    if isinstance(output, dict) and isinstance(output.get("output"), str):
        return output["output"]
    if not isinstance(output, str):
        raise CommandFailed("the output has no text: leave --text out to see it")
    return output


async def _batch(
    node: NodeClient, jobs: list[JobRequest], sync: bool, deadline: float
) -> Sequence[Any]:
    async with node:
        answers: Sequence[Any] = await node.request_jobs(jobs)
        if not sync:
            return answers

        ids = [answer["id"] for answer in answers if "id" in answer]
        with progress(f"{len(ids)} jobs are running"):
            results = dict(zip(ids, await node.wait_for_jobs(ids, deadline), strict=True))
        return [_final(answer, results) for answer in answers]


def _final(answer: Any, results: dict[str, JobResult | None]) -> Any:
    if "id" not in answer:
        return answer
    return results[answer["id"]] or {"error": f"Job not found: {answer['id']}"}


def _is_failure(answer: dict[str, Any]) -> bool:
    return "error" in answer or answer.get("status", "success") != "success"


def _listed(numbers: list[int]) -> str:
    return ", ".join(f"number {number}" for number in numbers)


async def _print_stream(
    node: NodeClient, container: str, data: dict[str, Any], limit: float, out: Output
) -> None:
    async with (
        aclosing(node.request_stream(container, data, timeout=limit)) as pieces,
        aclosing(text_of(pieces)) as texts,
    ):
        job_id = str(await anext(pieces))
        if not out.as_json:
            click.echo(f"Job ID: {job_id}")
        with out.opened() as write:
            if out.as_json:
                write(json.dumps({"id": job_id}) + "\n")
            with _cut_short(job_id, out, write):
                async for text in texts:
                    write(json.dumps({"text": text}) + "\n" if out.as_json else text)
            if not out.as_json:
                write("\n")


@contextmanager
def _cut_short(job_id: str, out: Output, write: Callable[[str], None]) -> Iterator[None]:
    """Ends the line of a text that does not come to its end, and tells where the reason is."""
    try:
        yield
    except BaseException as error:
        if out.on_terminal:
            write("\n")
        if not isinstance(error, aiohttp.ClientPayloadError):
            raise
        why = f"see why with: infernet-client results --id {job_id}"
        raise CommandFailed(f"{explanation(error)}; {why}") from None
