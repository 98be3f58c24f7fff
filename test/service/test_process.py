"""The command ``tgi-service`` as a process: options, start-up, workers, signals."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from test.service.serving import QUESTION, environment
from test.support.mock_tgi import Behaviour, MockTGI, overloaded
from test.support.waiting import SECONDS

COMMAND = (sys.executable, "-c", "from tgi_service.server import main; main()")
JOB = {"source": 1, "destination": 1, "data": {"text": QUESTION}}


def clean_environment(variables: dict[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TGI_")}
    return {**inherited, "RUNTIME": "docker", **variables}


def run(
    variables: dict[str, str], *options: str, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs the command to its end."""
    return subprocess.run(
        [*COMMAND, *options],
        env=clean_environment(variables),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


class Running:
    """A service process that listens on a socket of the test."""

    def __init__(self, process: subprocess.Popen[str], port: int, temporary: Path) -> None:
        self.process = process
        self.temporary = temporary
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        # For the same reason as in serving.py.
        limits = httpx.Limits(keepalive_expiry=1)
        self.http = httpx.Client(base_url=self.url, timeout=SECONDS, limits=limits)

    def wait_until_up(self) -> None:
        """The socket listens from the beginning: the first answer comes when a worker is up."""
        assert self.http.get("/").status_code == 200

    def terminate(self) -> None:
        """Sends SIGTERM; idle connections, which the service would wait for, are closed."""
        self.http.close()
        self.process.send_signal(signal.SIGTERM)

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def end(self) -> str:
        """Waits for the process to end and returns what it wrote."""
        output, _ = self.process.communicate(timeout=SECONDS)
        return output


@contextmanager
def running(variables: dict[str, str], *options: str, cwd: Path | None = None) -> Iterator[Running]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(128)
            process = subprocess.Popen(
                [*COMMAND, f"--bind=fd://{listener.fileno()}", *options],
                env=clean_environment({"TMPDIR": temporary, **variables}),
                cwd=cwd,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                pass_fds=[listener.fileno()],
            )
            port = listener.getsockname()[1]
        service = Running(process, port, Path(temporary))
        try:
            yield service
        finally:
            service.http.close()
            process.kill()
            process.communicate()


def test_workers_share_one_probe_and_their_metrics(tgi: MockTGI) -> None:
    with running(environment(tgi), "--workers=2") as service:
        service.wait_until_up()
        _wait_until(lambda: len(service.workers()) == 2)
        assert [recorded.json["inputs"] for recorded in tgi.generations] == ["hello"]

        for _ in range(6):
            with httpx.Client(base_url=service.url, timeout=SECONDS) as fresh:
                assert fresh.post("/service_output", json=JOB).status_code == 200
        tgi.script(overloaded())
        with httpx.Client(base_url=service.url, timeout=SECONDS) as fresh:
            assert fresh.post("/service_output", json={**JOB, "destination": 2}).text
        probe, *jobs = tgi.generations
        assert probe.caller_port not in {job.caller_port for job in jobs}
        counted = 'tgi_service_jobs_total{destination="offchain",source="offchain",status="200"} 6'
        metrics = service.http.get("/metrics").text
        assert counted in metrics
        assert 'tgi_service_tgi_errors_total{error="TgiOverloadedError"} 1.0' in metrics
        assert "tgi_service_tgi_retries_total 1.0" in metrics
        assert "tgi_service_first_token_seconds_count 1.0" in metrics

        service.terminate()
        output = service.end()
        assert list(service.temporary.iterdir()) == []

    assert service.process.returncode == 0
    events = [json.loads(line)["event"] for line in output.splitlines()]
    assert events.count("job") == 7


def test_limit_of_concurrency_holds_for_all_workers_together(tgi: MockTGI) -> None:
    with running(environment(tgi, MAX_CONCURRENCY=3), "--workers=2") as service:
        service.wait_until_up()
        tgi.reset()
        tgi.always(Behaviour(hold=True))
        statuses: list[int] = []

        def ask() -> None:
            response = httpx.post(f"{service.url}/service_output", json=JOB, timeout=SECONDS)
            statuses.append(response.status_code)

        threads = [threading.Thread(target=ask) for _ in range(10)]
        for thread in threads:
            thread.start()
        tgi.wait_for(lambda tgi: len(tgi.generations) == 3)
        for thread in threads:
            while thread.is_alive() and len(statuses) < 7:
                thread.join(0.05)
        assert statuses == [429] * 7
        tgi.release()
        for thread in threads:
            thread.join(SECONDS)

    assert sorted(statuses) == [200] * 3 + [429] * 7
    assert len(tgi.generations) == 3


def test_sigterm_lets_running_jobs_finish(tgi: MockTGI) -> None:
    with running(environment(tgi)) as service:
        service.wait_until_up()
        tgi.reset()
        tgi.script(Behaviour(hold=True, text="yes"), overloaded())
        answers: list[Any] = []
        asking = threading.Thread(
            target=lambda: answers.append(
                httpx.post(f"{service.url}/service_output", json=JOB, timeout=SECONDS).json()
            )
        )
        asking.start()
        tgi.wait_for(lambda tgi: len(tgi.generations) == 1)

        service.terminate()
        _wait_until_refused(service.port)
        assert service.process.poll() is None
        tgi.release()
        asking.join(SECONDS)
        service.end()

    assert answers == [{"output": "yes"}]
    assert service.process.returncode == 0


def test_sigterm_lets_a_stream_finish(tgi: MockTGI) -> None:
    with running(environment(tgi)) as service:
        service.wait_until_up()
        tgi.reset()
        tgi.script(Behaviour(token_texts=("one", " two"), after=1, then="hold"))
        with httpx.stream(
            "POST", f"{service.url}/service_output", json={**JOB, "destination": 2}, timeout=SECONDS
        ) as response:
            received = response.iter_text()
            assert next(received) == "one"

            service.terminate()
            _wait_until_refused(service.port)
            assert service.process.poll() is None
            tgi.release()

            assert "".join(received) == " two"
        service.end()

    assert service.process.returncode == 0


def test_sigterm_ends_waits_for_retries(tgi: MockTGI) -> None:
    patient = {"retry_params": {"tries": -1, "delay": 100}}
    with running(environment(tgi, WORKFLOW_KW_ARGS=patient)) as service:
        service.wait_until_up()
        tgi.reset()
        tgi.always(overloaded())
        asking = threading.Thread(
            target=lambda: httpx.post(f"{service.url}/service_output", json=JOB, timeout=SECONDS)
        )
        asking.start()
        tgi.wait_for(lambda tgi: len(tgi.generations) == 1 and tgi.generations[0].finished)

        service.terminate()
        service.end()
        asking.join(SECONDS)

    assert service.process.returncode == 0
    assert len(tgi.generations) == 1


def test_interrupt_abandons_running_jobs(tgi: MockTGI) -> None:
    with running(environment(tgi)) as service:
        service.wait_until_up()
        tgi.reset()
        tgi.script(Behaviour(hold=True))
        asking = threading.Thread(
            target=lambda: httpx.post(f"{service.url}/service_output", json=JOB, timeout=SECONDS)
        )
        asking.start()
        tgi.wait_for(lambda tgi: len(tgi.generations) == 1)

        service.process.send_signal(signal.SIGINT)
        service.end()
        asking.join(SECONDS)

    tgi.wait_for(lambda tgi: tgi.generations[0].disconnected)


def test_empty_bind_and_two_workers(tgi: MockTGI) -> None:
    """The command of the documented sample, as printed, listens on 0.0.0.0:3000.

    Where something else has that port, the same is proved by the complaint about it.
    """
    process = subprocess.Popen(
        [*COMMAND, "--bind=", "--workers=2"],
        env=clean_environment(environment(tgi)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    lines = []
    try:
        for line in process.stdout:
            lines.append(line)
            if "0.0.0.0" in line and "3000" in line:
                break
    finally:
        process.terminate()
        process.communicate(timeout=SECONDS)

    assert "0.0.0.0:3000" in lines[-1] or "('0.0.0.0', 3000)" in lines[-1], "".join(lines)


def test_unknown_option_ends_the_process() -> None:
    ended = run({}, "--max-requests=5")

    assert ended.returncode != 0
    assert "--max-requests=5" in ended.stderr


def test_placeholder_host_ends_the_process() -> None:
    ended = run({})

    assert ended.returncode != 0
    assert "TGI_INF_WORKFLOW_POSITIONAL_ARGS" in ended.stderr
    assert "FILL_HOSTNAME_HERE" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_refused_token_ends_the_process_at_once() -> None:
    with MockTGI(api_key="right") as tgi:
        ended = run(environment(tgi, TOKEN="wr0ng"))

    assert ended.returncode != 0
    assert "refused the configured token" in ended.stderr
    assert "wr0ng" not in ended.stderr
    assert len(tgi.generations) == 1


def test_parameter_that_tgi_refuses_ends_the_process(tgi: MockTGI) -> None:
    ended = run(environment(tgi, WORKFLOW_KW_ARGS={"stop": list("abcde")}))

    assert ended.returncode != 0
    assert "`stop` supports up to 4 stop sequences" in ended.stderr
    assert len(tgi.generations) == 1


def test_tgi_may_start_after_the_service() -> None:
    with socket.socket() as reserved:
        # So that the server can have the port without a moment in which it is anybody's.
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        variables = {
            "TGI_INF_WORKFLOW_POSITIONAL_ARGS": json.dumps([f"http://127.0.0.1:{port}", 5]),
            "TGI_INF_WORKFLOW_KW_ARGS": '{"retry_params": {"delay": 0, "jitter": 0}}',
        }
        with running(variables) as service:
            service.wait_until_up()
            assert service.http.get("/ready").status_code == 503
            assert service.http.post("/service_output", json=JOB).status_code == 503
            with MockTGI(port=port):
                assert service.http.get("/ready").status_code == 200
                assert service.http.post("/service_output", json=JOB).status_code == 200


def test_sigterm_during_the_probe_ends_the_process(tgi: MockTGI) -> None:
    tgi.always(Behaviour(hold=True))
    with running(environment(tgi)) as service:
        tgi.wait_for(lambda tgi: len(tgi.generations) == 1)
        service.terminate()
        service.end()

    assert service.process.returncode == 0


def test_file_of_the_working_directory_is_read_outside_a_container(
    tgi: MockTGI, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(
        f"""TGI_INF_WORKFLOW_POSITIONAL_ARGS='["{tgi.url}", 5]'\nTGI_INF_TOKEN=from-file\n"""
        """TGI_INF_WORKFLOW_KW_ARGS='{"stop": ["$HOME"]}'\n"""
    )
    with running({"RUNTIME": "", "TGI_INF_TOKEN": "from-env"}, cwd=tmp_path) as service:
        service.wait_until_up()

    (probe,) = tgi.generations
    assert probe.headers["authorization"] == "Bearer from-env"
    assert probe.json["parameters"]["stop"] == ["$HOME"]


def test_file_of_the_working_directory_is_left_alone_in_a_container(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("""TGI_INF_WORKFLOW_POSITIONAL_ARGS='["http://tgi", 5]'\n""")

    assert "FILL_HOSTNAME_HERE" in run({}, cwd=tmp_path).stderr


def test_package_needs_nothing_of_the_node() -> None:
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, tgi_service.server, tgi_service.app; "
            "print(*sorted({'aiohttp', 'fastapi', 'sqlalchemy', 'web3'} & set(sys.modules)))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    assert ended.stdout.strip() == ""


def _wait_until_refused(port: int) -> None:
    def refused() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            return True
        return False

    _wait_until(refused)


def _wait_until(condition: Callable[[], bool]) -> None:
    """Waits for something that no event announces."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
