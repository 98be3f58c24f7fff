"""Commands that start jobs and look at them: what they send, print and return."""

import json
from pathlib import Path

import pytest
from aiohttp import web

from test.client.command_line import Ended, run
from test.client.scripted_node import Outcome, ScriptedNode

QUESTION = '{"text": "Can shrimp actually fry rice fr?"}'


@pytest.fixture
def question(tmp_path: Path) -> str:
    path = tmp_path / "input.json"
    path.write_text(QUESTION)
    return str(path)


def job(node: ScriptedNode, *arguments: str, stdin: str = QUESTION) -> Ended:
    return run("job", "-c", "tgi", *arguments, stdin=stdin, env={"SERVER_URL": node.url})


def test_a_job_prints_its_id(node: ScriptedNode, question: str) -> None:
    ended = job(node, "-i", question)

    assert ended.code == 0
    assert len(ended.out.strip()) == 36
    assert ended.err == ""
    assert node.bodies("POST", "/api/jobs") == [
        {"containers": ["tgi"], "data": json.loads(QUESTION), "requires_proof": False}
    ]
    assert run("results", "--id", ended.out.strip(), "--url", node.url).code == 0


def test_input_comes_from_a_pipe_too_and_may_hold_comments(node: ScriptedNode) -> None:
    assert job(node, stdin='{"text": "?", // why\n}').code == 0
    assert job(node, "--input", "-", stdin='{"text": "?"}').code == 0

    assert [body["data"] for body in node.bodies("POST", "/api/jobs")] == [{"text": "?"}] * 2


def test_containers_are_separated_by_commas(node: ScriptedNode) -> None:
    run("job", "--containers", "tgi, inner", "--url", node.url, stdin="{}")

    assert node.seen[-1].body["containers"] == ["tgi", "inner"]


@pytest.mark.parametrize(
    ("arguments", "proof"),
    [
        (["--requires-proof", "--sync"], True),
        (["--requires-proof", "true"], True),
        (["--requires_proof=1"], True),
        (["--requires-proof", "false"], False),
        ([], False),
    ],
)
def test_proof_is_a_flag_and_a_value(node: ScriptedNode, arguments: list[str], proof: bool) -> None:
    job(node, *arguments)

    assert node.bodies("POST", "/api/jobs")[0]["requires_proof"] is proof


@pytest.mark.parametrize("flag", ["--sync", "--wait"])
def test_sync_prints_the_output_as_wire_data(node: ScriptedNode, flag: str) -> None:
    node.outcome = Outcome(running_for=1)

    assert job(node, flag) == Ended(0, '{\n  "output": "Yes, and well."\n}\n', "")


def test_text_prints_just_the_text(node: ScriptedNode) -> None:
    assert job(node, "--sync", "--text") == Ended(0, "Yes, and well.\n", "")

    node.outcome = Outcome(output="bare")
    assert job(node, "--sync", "--text") == Ended(0, "bare\n", "")
    assert job(node, "--sync") == Ended(0, "bare\n", "")

    node.outcome = Outcome(output={"n": 1})
    assert job(node, "--sync", "--text") == Ended(
        1, "", "Error: the output has no text: leave --text out to see it\n"
    )


def test_output_goes_to_a_file(node: ScriptedNode, tmp_path: Path) -> None:
    target = tmp_path / "out.json"

    assert job(node, "--sync", "-o", str(target)) == Ended(0, "", "")
    assert target.read_text() == '{\n  "output": "Yes, and well."\n}\n'


def test_json_tells_all(node: ScriptedNode) -> None:
    started = json.loads(job(node, "--json").out)
    finished = json.loads(job(node, "--sync", "--json").out)

    assert set(started) == {"id"}
    assert finished["status"] == "success"
    assert finished["result"] == {"container": "tgi", "output": {"output": "Yes, and well."}}


def test_a_failed_job_is_one_line_and_exit_code_1(node: ScriptedNode) -> None:
    node.outcome = Outcome(error="TGI is\n overloaded")
    assert job(node, "--sync") == Ended(1, "", "Error: TGI is overloaded\n")

    node.outcome = Outcome(error="")
    assert job(node, "--sync") == Ended(1, "", "Error: the job failed without a reason\n")


def test_a_forgotten_job_is_not_found(node: ScriptedNode) -> None:
    node.answer_once("POST", "/api/jobs", web.json_response({"id": "gone"}))

    assert job(node, "--sync") == Ended(1, "", "Error: Job not found.\n")


def test_a_job_that_runs_on_says_how_to_find_it(node: ScriptedNode) -> None:
    node.outcome = Outcome(running_for=99)
    by_time = job(node, "--sync", "--timeout", "0.01")
    by_count = job(node, "--sync", "--retries", "1")

    first, second = node.jobs
    assert by_time == Ended(
        1,
        "",
        f"Error: Job {first} is still running after 0.01 s; "
        f"look later with: infernet-client results --id {first}\n",
    )
    assert by_count == Ended(
        1,
        "",
        "Error: Job result not available after 1 retries; "
        f"look later with: infernet-client results --id {second}\n",
    )


def test_two_ways_to_limit_the_wait_exclude_each_other(node: ScriptedNode) -> None:
    ended = job(node, "--sync", "--retries", "1", "--timeout", "1")

    assert ended.code == 2
    assert "Error: --retries and --timeout exclude each other" in ended.err
    assert node.seen == []


def test_a_refusal_is_told_in_the_nodes_words(node: ScriptedNode) -> None:
    ended = run("job", "-c", "nope", "--url", node.url, stdin=QUESTION)

    assert ended == Ended(1, "", "Error: [405] Container not supported - [container=nope]\n")


def test_too_many_requests_say_when_to_come_back(node: ScriptedNode) -> None:
    limited = {"status": 429, "text": "<h1>Too many</h1>"}
    node.answer_once("GET", "/api/jobs", web.Response(**limited, headers={"Retry-After": "7"}))  # type: ignore[arg-type]
    node.answer_once("GET", "/api/jobs", web.Response(**limited))  # type: ignore[arg-type]

    first, second = (run("ids", "--url", node.url).err for _ in range(2))

    assert first == "Error: [429] <h1>Too many</h1>; too many requests, try again in 7 s\n"
    assert second == "Error: [429] <h1>Too many</h1>; too many requests, try again later\n"


@pytest.mark.parametrize(
    ("stdin", "message"),
    [
        ("{'text': 1}", "line 1, column 2: expecting property name"),
        ("", "line 1, column 1: expecting value"),
        ('["text"]', 'a JSON object is expected, such as {"text": "..."}'),
    ],
)
def test_bad_input_names_source_and_place(node: ScriptedNode, stdin: str, message: str) -> None:
    ended = job(node, stdin=stdin)

    assert ended.code == 1
    assert ended.out == ""
    assert ended.err.startswith(f"Error: standard input: {message}")
    assert ended.err.count("\n") == 1
    assert node.seen == []


def test_a_file_is_named_by_its_name(node: ScriptedNode, tmp_path: Path) -> None:
    path = tmp_path / "latin.json"
    path.write_bytes(b'{"text": "\xff"}')

    assert job(node, "-i", str(path)).err == f"Error: {path}: not UTF-8 text\n"
    path.write_text("{")
    assert job(node, "-i", str(path)).err.startswith(f"Error: {path}: line 1, column 2: ")
    path.write_text("5")
    assert job(node, "-i", str(path)).err.startswith(f"Error: {path}: a JSON object is expected")


def test_output_is_readable_and_survives_half_characters(node: ScriptedNode) -> None:
    node.outcome = Outcome(output={"output": "Krabbe \ud83e ü 🦐"})

    assert job(node, "--sync", "--text").out == "Krabbe ? ü 🦐\n"
    assert job(node, "--sync").out == '{\n  "output": "Krabbe ? ü 🦐"\n}\n'


def test_a_batch_prints_ids_and_refusals_in_order(node: ScriptedNode, tmp_path: Path) -> None:
    file = tmp_path / "jobs.json"
    file.write_text(
        json.dumps([{"containers": [name], "data": {}} for name in ("tgi", "nope", "tgi")])
    )

    ended = run("batch", str(file), "--url", node.url)

    first, second, third = json.loads(ended.out)
    assert set(first) == set(third) == {"id"}
    assert second == {"error": "Container not supported", "params": {"container": "nope"}}
    assert (ended.code, ended.err) == (1, "Error: 1 of 3 jobs did not succeed: number 2\n")


def test_a_batch_waits_for_all(node: ScriptedNode) -> None:
    node.outcome = Outcome(running_for=1)
    jobs = json.dumps([{"containers": ["tgi"], "data": {}}] * 2)

    ended = run("batch", "--wait", "--url", node.url, stdin=jobs)

    assert ended.code == 0
    assert [result["status"] for result in json.loads(ended.out)] == ["success"] * 2


def test_a_batch_marks_what_failed_or_vanished_while_waiting(node: ScriptedNode) -> None:
    failed = node.add_job(Outcome(error="overloaded"))
    node.answer_once("POST", "/api/jobs/batch", web.json_response([{"id": failed}, {"id": "gone"}]))

    ended = run("batch", "--sync", "--url", node.url, stdin="[{}, {}]")

    assert json.loads(ended.out)[1] == {"error": "Job not found: gone"}
    assert (ended.code, ended.err) == (
        1,
        "Error: 2 of 2 jobs did not succeed: number 1, number 2\n",
    )


def test_a_batch_shows_what_is_done_when_others_run_on(node: ScriptedNode) -> None:
    done, running = node.add_job(Outcome()), node.add_job(Outcome(running_for=99))
    node.answer_once("POST", "/api/jobs/batch", web.json_response([{"id": done}, {"id": running}]))

    ended = run("batch", "--sync", "--timeout", "0.01", "--url", node.url, stdin="[{}, {}]")

    assert [job["status"] for job in json.loads(ended.out)] == ["success", "running"]
    assert (ended.code, ended.err) == (1, "Error: 1 of 2 jobs did not succeed: number 2\n")


@pytest.mark.parametrize("stdin", ["{}", "[1]"])
def test_a_batch_is_a_list_of_jobs(node: ScriptedNode, stdin: str) -> None:
    ended = run("batch", "--url", node.url, stdin=stdin)

    assert ended == Ended(1, "", "Error: -: a JSON list of jobs is expected\n")


def test_a_stream_prints_id_and_text(node: ScriptedNode, tmp_path: Path) -> None:
    crab = "🦐".encode()
    node.stream = [b"Yes ", crab[:1], crab[1:]]
    arguments = ("stream", "-c", "tgi", "--url", node.url)

    ended = run(*arguments, stdin=QUESTION)
    lines = [
        json.loads(line) for line in run(*arguments, "--json", stdin=QUESTION).out.split("\n")[:-1]
    ]
    to_file = run(*arguments, "-o", str(tmp_path / "text"), stdin=QUESTION)

    first, second, third = node.jobs
    assert ended == Ended(0, f"Job ID: {first}\nYes 🦐\n", "")
    assert lines[0] == {"id": second}
    assert "".join(line["text"] for line in lines[1:]) == "Yes 🦐"
    assert to_file == Ended(0, f"Job ID: {third}\n", "")
    assert (tmp_path / "text").read_text() == "Yes 🦐\n"


def test_a_stream_that_breaks_is_an_error_after_what_came(node: ScriptedNode) -> None:
    node.breaks_stream = True

    ended = run("stream", "-c", "tgi", "--url", node.url, stdin=QUESTION)

    assert ended.code == 1
    assert ended.out.endswith("Yes, and well.")
    (job_id,) = node.jobs
    assert ended.err == (
        "Error: the transfer broke off before the answer was complete; "
        f"see why with: infernet-client results --id {job_id}\n"
    )


def test_a_refused_stream_prints_nothing(node: ScriptedNode) -> None:
    ended = run("stream", "-c", "inner", "--url", node.url, stdin=QUESTION)

    assert ended == Ended(
        1, "", "Error: [405] First container must be external - [first_container=inner]\n"
    )


def test_results_are_a_json_list(node: ScriptedNode) -> None:
    step = {"container": "tgi", "output": {"output": "draft"}}
    first = node.add_job(Outcome(intermediate=[step]))
    second = node.add_job(Outcome(running_for=9))

    ended = run("results", "--id", first, "--id", second, "--intermediate", "--url", node.url)

    assert ended.code == 0
    assert json.loads(ended.out)[0]["intermediate_results"] == [step]
    assert json.loads(ended.out)[1]["status"] == "running"


def test_failed_and_unknown_results_are_exit_code_1(node: ScriptedNode) -> None:
    failed = node.add_job(Outcome(error="overloaded"))

    some = run("results", "--id", failed, "--id", "unknown", "--url", node.url)
    none = run("results", "--id", "unknown", "--url", node.url)
    only = run("results", "--id", failed, "--url", node.url)

    assert json.loads(some.out)[0]["result"]["error"] == "overloaded"
    assert (some.code, some.err) == (1, "Error: Job not found: unknown\n")
    assert none == Ended(1, "", "Error: Job not found: unknown\n")
    assert (only.code, only.err) == (1, f"Error: Job failed: {failed}\n")


def test_ids_by_status(node: ScriptedNode) -> None:
    done, running = node.add_job(Outcome()), node.add_job(Outcome(running_for=9))

    listed = {
        status: json.loads(run("ids", "--status", status, "--url", node.url).out)
        for status in ("pending", "COMPLETED", "All")
    }

    assert listed == {"pending": [running], "COMPLETED": [done], "All": [done, running]}
    assert json.loads(run("ids", "--url", node.url).out) == [done, running]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["job", "-c", "tgi", "--sync", "--timeout", "nan"], "'nan' is not a number of seconds"),
        (["job", "-c", "tgi", "--text"], "--text is the text of the output: it needs --sync"),
        (["infos"], "No such command 'infos'. Did you mean info?"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(
    node: ScriptedNode, arguments: list[str], problem: str
) -> None:
    ended = run(*arguments, stdin="{}", env={"SERVER_URL": node.url})

    assert (ended.code, ended.out) == (2, "")
    assert problem in ended.err
    assert node.seen == []
