"""What the service says about itself and its machine."""

import os
import stat
from pathlib import Path
from typing import Literal

import httpx
import pytest

from test.service.serving import FakeClock, Service, StartService
from test.support.mock_tgi import Behaviour, MockTGI, overloaded
from tgi_service import TGIClientInferenceWorkflow, resources
from tgi_service.call import Cancellation
from tgi_service.errors import TgiBadAnswerError


def test_greeting(service: Service, tgi: MockTGI) -> None:
    response = service.http.get("/")

    assert response.status_code == 200
    assert response.json() == {"message": "Lightweight TGI Client Inference Service"}
    assert tgi.requests == []


def test_head_of_greeting(service: Service) -> None:
    response = service.http.head("/")

    assert response.status_code == 200
    assert response.content == b""
    assert response.headers["Content-Type"] == "application/json"


def test_liveness_needs_no_tgi(service: Service, tgi: MockTGI) -> None:
    assert service.http.get("/health").json() == {"status": "healthy"}
    assert tgi.requests == []


def test_description_of_the_service(service: Service) -> None:
    described = service.http.get("/service-resources").json()

    assert described["service_id"] == "tgi-client-inference-service"
    assert described["compute_capability"] == [
        {
            "id": "ml",
            "type": "tgi_client",
            "task": ["text_generation"],
            "models": [],
            "cached_models": [],
            "inference_engine": None,
            "inference_engine_version": None,
        }
    ]


def test_description_of_the_machine(service: Service) -> None:
    (base, *_) = service.http.get("/service-resources").json()["hardware_capabilities"]

    assert base["capability_id"] == "base"
    cpu = base["cpu_info"]
    assert cpu["architecture"]
    assert cpu["byte_order"] in {"Little Endian", "Big Endian"}
    assert cpu["num_cores"] == os.cpu_count()
    assert cpu["vendor_id"]
    assert cpu["model"]
    for core in cpu["cores"]:
        assert core.keys() == {"id", "frequency", "max_frequency", "min_frequency"}
    root = next(disk for disk in base["disk_info"] if disk["mount_point"] == "/")
    size = os.statvfs("/").f_blocks * os.statvfs("/").f_frsize
    assert root["size"] == size
    assert 0 <= root["used"] <= size
    assert 0 <= root["available"] <= size
    assert base["os_info"]["name"]


def test_empty_model_id_is_none(service: Service) -> None:
    assert "service_id" in service.http.get("/service-resources?model_id=").json()


@pytest.mark.parametrize("model", ["meta-llama/Llama-3-8B", "mock/parrot-7b", "resnet18"])
def test_no_model_is_supported_by_name(service: Service, tgi: MockTGI, model: str) -> None:
    response = service.http.get("/service-resources", params={"model_id": model})

    assert response.status_code == 200
    assert response.json() == {"supported": False}
    assert tgi.requests == []


def test_model_can_be_advertised(start: StartService) -> None:
    service = start(ADVERTISE_MODEL="true")

    described = service.http.get("/service-resources").json()
    assert described["compute_capability"][0]["models"] == ["mock/parrot-7b"]
    own = service.http.get("/service-resources?model_id=mock/parrot-7b").json()
    assert own == {"supported": True}
    assert service.http.get("/service-resources?model_id=x").json() == {"supported": False}


def test_model_of_a_tgi_that_is_away(start: StartService) -> None:
    service = start(ADVERTISE_MODEL="true", WORKFLOW_POSITIONAL_ARGS=["http://tgi.invalid", 5])

    asked = service.http.get("/service-resources?model_id=x").json()
    assert asked["supported"] is False
    assert "tgi.invalid" in asked["error"]
    described = service.http.get("/service-resources").json()
    assert described["compute_capability"][0]["models"] == []


def test_model_of_a_server_that_is_no_tgi() -> None:
    """Another server may answer at that path with something else."""
    with MockTGI(model_id="x") as tgi:
        backend = TGIClientInferenceWorkflow(f"{tgi.url}/v1").backend

        with pytest.raises(TgiBadAnswerError, match="404 to /info"):
            backend.model_id(Cancellation())


def test_machine_without_the_usual_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("_CPUINFO", "_CPUFREQ", "_MOUNTS"):
        monkeypatch.setattr(resources, name, tmp_path / "absent")

    (base, *_) = resources.service_resources("1", [])["hardware_capabilities"]

    assert base["cpu_info"]["vendor_id"] == "unknown"
    assert base["cpu_info"]["cores"] == []
    assert [disk["mount_point"] for disk in base["disk_info"]] == ["/"]


def test_files_of_another_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(
        "processor\t: 0\nBogoMIPS\t: 50.00\nCPU implementer\t: 0x41\n\n"
        "processor\t: 1\nCPU implementer\t: 0x41\n\nHardware\t: Board\n"
    )
    frequencies = tmp_path / "cpu1" / "cpufreq"
    frequencies.mkdir(parents=True)
    (frequencies / "cpuinfo_max_freq").write_text("2400000\n")
    (frequencies / "cpuinfo_min_freq").write_text("<unknown>\n")
    (tmp_path / "with space").mkdir()
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "overlay / overlay rw 0 0\nproc /proc proc rw 0 0\n"
        f"/dev/sda1 {tmp_path}/with\\040space ext4 rw 0 0\n"
        f"/dev/sdb1 {tmp_path}/gone ext4 rw 0 0\nserver:/x /mnt nfs rw 0 0\n"
    )
    monkeypatch.setattr(resources, "_CPUINFO", cpuinfo)
    monkeypatch.setattr(resources, "_CPUFREQ", tmp_path)
    monkeypatch.setattr(resources, "_MOUNTS", mounts)

    (base, *_) = resources.service_resources("1", [])["hardware_capabilities"]

    assert base["cpu_info"]["vendor_id"] == "0x41"
    assert base["cpu_info"]["cores"] == [
        {"id": 0, "frequency": None, "max_frequency": None, "min_frequency": None},
        {"id": 1, "frequency": None, "max_frequency": 2400, "min_frequency": None},
    ]
    disks = [(disk["filesystem"], disk["mount_point"]) for disk in base["disk_info"]]
    assert disks == [("overlay", "/"), ("/dev/sda1", f"{tmp_path}/with space")]


REPORT = """<?xml version="1.0" ?>
<nvidia_smi_log>
  <driver_version>550.54</driver_version><cuda_version>12.4</cuda_version>
  <gpu id="1"><product_name>A100</product_name>
    <fb_memory_usage><total>81920 MiB</total><used>1 GiB</used></fb_memory_usage></gpu>
  <gpu id="2"><product_name>B</product_name>
    <fb_memory_usage><total>N/A</total><used>N/A</used></fb_memory_usage></gpu>
</nvidia_smi_log>"""


def _install(directory: Path, script: str) -> None:
    program = directory / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_graphics_cards(service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "report").write_text(REPORT)
    _install(tmp_path, f'[ "$1 $2" = "-q -x" ] && /bin/cat {tmp_path}/report')
    monkeypatch.setenv("PATH", str(tmp_path))

    (_, gpu) = service.http.get("/service-resources").json()["hardware_capabilities"]

    assert gpu == {
        "capability_id": "gpu",
        "driver_version": "550.54",
        "cuda_version": "12.4",
        "gpu_info": [
            {
                "name": "A100",
                "memory_total": 81920 * 2**20,
                "memory_used": 2**30,
                "cuda_device_id": 0,
            },
            {"name": "B", "memory_total": 0, "memory_used": 0, "cuda_device_id": 1},
        ],
    }


@pytest.mark.parametrize("script", ["exit 9", "echo nonsense", "echo '<log></log>'"])
def test_driver_without_cards(
    service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str
) -> None:
    _install(tmp_path, script)
    monkeypatch.setenv("PATH", str(tmp_path))

    described = service.http.get("/service-resources").json()["hardware_capabilities"]

    assert [entry["capability_id"] for entry in described] == ["base"]


def test_readiness_follows_tgi(start: StartService, tgi: MockTGI, clock: FakeClock) -> None:
    service = start(clock=clock)

    assert service.http.get("/ready").json() == {"status": "ready"}
    assert service.http.get("/ready").status_code == 200
    assert [recorded.path for recorded in tgi.requests] == ["/health"]

    clock.time += 10
    assert service.http.get("/ready").status_code == 200
    assert [recorded.path for recorded in tgi.requests] == ["/health", "/health"]


def test_readiness_asks_beside_the_generating_route(start: StartService, tgi: MockTGI) -> None:
    service = start(WORKFLOW_POSITIONAL_ARGS=[f"{tgi.url}/generate", 5], TOKEN="secret")

    assert service.http.get("/ready").status_code == 200
    assert tgi.requests[0].path == "/health"
    assert tgi.requests[0].headers["authorization"] == "Bearer secret"


def test_not_ready_while_tgi_is_away(start: StartService) -> None:
    service = start(WORKFLOW_POSITIONAL_ARGS=["http://tgi.invalid", 5])

    response = service.http.get("/ready")

    assert response.status_code == 503
    assert response.json()["code"] == "503"
    assert "tgi.invalid" in response.json()["description"]


def test_not_ready_while_tgi_is_unhealthy(
    start: StartService, tgi: MockTGI, clock: FakeClock
) -> None:
    service = start(clock=clock)
    tgi.set_healthy(False)

    response = service.http.get("/ready")
    assert response.status_code == 503
    assert response.json()["code"] == "503"

    tgi.set_healthy(True)
    assert service.http.get("/ready").status_code == 200


def test_metrics_of_jobs(start: StartService, tgi: MockTGI) -> None:
    service = start()
    tgi.script(
        Behaviour(status=503, body="loading"),
        Behaviour(text="yes"),
        Behaviour(text="yes"),
        Behaviour(status=422, body={"error": "no", "error_type": "validation"}),
    )
    service.ask()
    service.ask(destination=2)
    service.ask(destination=0)
    service.post([])

    def jobs(source: str, destination: str, status: str) -> float | None:
        return service.metric(
            "tgi_service_jobs_total", source=source, destination=destination, status=status
        )

    assert jobs("offchain", "offchain", "200") == 1
    assert jobs("offchain", "stream", "200") == 1
    assert jobs("offchain", "onchain", "400") == 1
    assert jobs("unknown", "unknown", "400") == 1
    assert service.metric("tgi_service_tgi_requests_total") == 4
    assert service.metric("tgi_service_tgi_retries_total") == 1
    assert service.metric("tgi_service_tgi_errors_total", error="TgiUnavailableError") == 1
    assert service.metric("tgi_service_tgi_errors_total", error="TgiInvalidInputError") == 1
    assert service.metric("tgi_service_first_token_seconds_count") == 1
    assert service.metric("tgi_service_generated_tokens_total") == 4
    assert service.metric("tgi_service_tgi_duration_seconds_count") == 3
    assert service.metric("tgi_service_job_duration_seconds_count", destination="onchain") == 1
    assert service.metric("tgi_service_jobs_in_flight") == 0
    assert service.metric("tgi_service_info", version="test") == 1


def test_time_to_the_first_token_is_the_caller_s(
    start: StartService, tgi: MockTGI, clock: FakeClock
) -> None:
    """Waits between attempts count, special and empty tokens do not."""
    service = start(
        clock=clock, WORKFLOW_KW_ARGS={"retry_params": {"tries": 2, "delay": 7, "jitter": 0}}
    )
    tgi.script(overloaded(), Behaviour(token_texts=("<s>", "", "yes")))

    assert service.ask(destination=2).text == "yes"

    assert service.metric("tgi_service_first_token_seconds_sum") == 7


@pytest.mark.parametrize("then", ["error", "end", "reset"])
def test_failure_of_a_stream_under_way_is_counted(
    start: StartService, tgi: MockTGI, then: Literal["error", "end", "reset"]
) -> None:
    service = start()
    tgi.script(Behaviour(token_texts=("one", "two"), after=1, then=then))

    with pytest.raises(httpx.RemoteProtocolError):
        service.ask(destination=2)

    assert service.metric("tgi_service_tgi_errors_total", error="TgiGenerationError") == 1
    assert service.metric("tgi_service_first_token_seconds_count") == 1


def test_stream_that_fails_before_its_first_token_has_no_time_to_it(
    start: StartService, tgi: MockTGI
) -> None:
    service = start()
    tgi.always(overloaded())

    assert service.ask(destination=2).status_code == 429

    assert service.metric("tgi_service_first_token_seconds_count") == 0
    assert service.metric("tgi_service_tgi_errors_total", error="TgiOverloadedError") == 3
    assert service.metric("tgi_service_tgi_retries_total") == 2
