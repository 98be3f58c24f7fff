"""A workflow of the operator's own, named in the environment."""

from pathlib import Path

import pytest

from test.service.serving import QUESTION, environment
from test.service.test_process import JOB, run, running
from test.support.mock_tgi import Behaviour, MockTGI
from tgi_service import ConfigurationError, TGIClientInferenceWorkflow
from tgi_service.workflow_class import find_workflow_class

SHOUTING = """
from tgi_service import TGIClientInferenceWorkflow

class Shouting(TGIClientInferenceWorkflow):
    def do_postprocessing(self, request, text):
        return text.upper()
"""


def test_service_s_own_class_by_default() -> None:
    assert find_workflow_class(None) is TGIClientInferenceWorkflow


@pytest.mark.parametrize(
    "name",
    ["", "module", "module:", ":Class", "a b:Class", "../module:Class", "module:Class.method"],
)
def test_shape_of_the_name(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"TGI_INF_WORKFLOW_CLASS.*package\.module:Class"):
        find_workflow_class(name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no_such_module:Class", "no_such_module cannot be imported"),
        ("tgi_service.workflow:NoSuchClass", "must be a subclass"),
        ("tgi_service.workflow:TgiInferenceRequest", "must be a subclass"),
        ("tgi_service.workflow:log", "must be a subclass"),
    ],
)
def test_class_that_is_none(name: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        find_workflow_class(name)


def test_class_in_the_environment_answers(tgi: MockTGI, tmp_path: Path) -> None:
    (tmp_path / "shouting.py").write_text(SHOUTING)
    variables = environment(tgi, WORKFLOW_CLASS="shouting:Shouting")
    with running({**variables, "PYTHONPATH": str(tmp_path)}, "--workers=2") as service:
        service.wait_until_up()
        tgi.always(Behaviour(text="yes"))

        assert service.http.post("/service_output", json=JOB).json() == {"output": "YES"}
    assert tgi.generations[-1].json["inputs"] == QUESTION


def test_missing_class_ends_the_process(tgi: MockTGI) -> None:
    ended = run(environment(tgi, WORKFLOW_CLASS="no_such_module:Class"))

    assert ended.returncode != 0
    assert "TGI_INF_WORKFLOW_CLASS" in ended.stderr
    assert "Traceback" not in ended.stderr
