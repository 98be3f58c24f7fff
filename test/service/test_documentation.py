"""docs/service.md says what the code says: variables, routes, errors, hooks, metrics, events."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from test.service.configuring import load, policy_of
from test.service.serving import Service, StartService
from test.support.mock_tgi import Behaviour, MockTGI, overloaded
from tgi_service import TGIClientInferenceWorkflow, config, errors, workflow_args
from tgi_service.config import Settings
from tgi_service.gunicorn_app import Server
from tgi_service.parameters import _CHECKS, DEFAULTS, NOT_FOR_OPENAI
from tgi_service.server import read_options
from tgi_service.slots import JOBS_PER_WORKER, LARGE_BODIES_PER_WORKER, LARGE_BODY

ROOT = Path(__file__).parents[2]
MIB = 1024 * 1024
GUIDE = (ROOT / "docs/service.md").read_text()
CHECKLIST = (ROOT / "docs/checklist.md").read_text()
PACKAGE = ROOT / "service/tgi_service"


def rows(text: str, heading: str) -> list[list[str]]:
    """Returns the cells of a table: the one whose header row begins with ``heading``."""
    table = text.partition(f"\n| {heading} |")[2].partition("\n\n")[0]
    lines = table.splitlines()[2:]
    return [re.split(r"\s*\|\s*", line.strip("| ")) for line in lines]


def names(text: str, heading: str) -> list[str]:
    """Returns the first cells of a table, without back quotes."""
    return [row[0].strip("`") for row in rows(text, heading)]


def block(language: str) -> str:
    match = re.search(rf"```{language}\n(.*?)```", GUIDE, re.S)
    assert match is not None
    return match[1]


def variables() -> set[str]:
    return {
        config.POSITIONAL_VARIABLE,
        config.KEYWORD_VARIABLE,
        config.TOKEN_VARIABLE,
        "RUNTIME",
        *(f"{config.RETRY_PREFIX}{name.upper()}" for name in workflow_args.RETRY_FIELDS),
        *(f"TGI_INF_{name}" for name in config._PLAIN_SETTINGS),
    }


def test_every_variable_is_documented_once() -> None:
    assert sorted(names(GUIDE, "Variable")) == sorted(variables())


def test_no_variable_is_mentioned_that_does_not_exist() -> None:
    mentioned = re.findall(r"TGI_(?:INF|REQUEST)_[A-Z][A-Z_]*[A-Z]", GUIDE + CHECKLIST)

    assert set(mentioned) <= variables()


def test_documented_defaults_are_the_real_ones() -> None:
    documented = {
        row[0].strip("`"): None if row[2] == "unset" else json.loads(row[2].strip("`"))
        for row in rows(GUIDE, "Variable")
    }
    settings = load()

    policy = policy_of(settings)
    for name in workflow_args.RETRY_FIELDS:
        value = getattr(policy, name)
        value = list(value) if isinstance(value, tuple) else value
        assert documented[f"TGI_REQUEST_{name.upper()}"] == value
    for name in config._PLAIN_SETTINGS:
        assert documented[f"TGI_INF_{name}"] == getattr(settings, name.lower()), name
    assert documented[config.POSITIONAL_VARIABLE] == config.DEFAULT_POSITIONAL_ARGS
    keywords = documented[config.KEYWORD_VARIABLE]
    assert policy_of(load(TGI_INF_WORKFLOW_KW_ARGS=keywords)) == policy


def test_parameters_are_documented() -> None:
    for name in _CHECKS:
        assert f"`{name}`" in GUIDE, name
    listed = re.search(r"without a counterpart there \((.*?)\)", GUIDE, re.S)
    assert listed is not None
    assert set(re.findall(r"`(\w+)`", listed[1])) == NOT_FOR_OPENAI


def test_every_setting_is_a_variable() -> None:
    plain = {name.lower() for name in config._PLAIN_SETTINGS}

    assert set(Settings.__slots__) == plain | {"workflow", "warnings"}


def test_default_length_is_documented() -> None:
    assert f"answers end after {DEFAULTS['max_new_tokens']} tokens" in GUIDE


def test_limit_of_jobs_is_documented() -> None:
    assert f"**{JOBS_PER_WORKER} jobs at a time in each worker**" in GUIDE
    assert f"| {JOBS_PER_WORKER} jobs in this worker" in GUIDE


def test_limits_of_memory_are_documented() -> None:
    server = Server(lambda: Flask("any"), addresses=[], workers=1)
    threads, settings = server.cfg.threads, load()
    small, large = threads - LARGE_BODIES_PER_WORKER, LARGE_BODIES_PER_WORKER
    bodies = small * LARGE_BODY + large * settings.max_content_length
    text = " ".join(GUIDE.split())

    assert f"or {large} requests above {LARGE_BODY // MIB} MiB in this worker" in text
    assert f"Of the {threads} requests" in text
    assert f"their bodies take {bodies // (1024 * MIB)} GiB at most" in text
    answers = JOBS_PER_WORKER * settings.max_answer_bytes
    assert f"{JOBS_PER_WORKER} at once, {answers // (1024 * MIB)} GiB if" in text


def test_every_route_is_documented(service: Service) -> None:
    app = service.worker.wsgi
    routes = {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }

    assert set(names(GUIDE, "Route")) == routes


def descendants(base: type[errors.ServiceException]) -> Iterator[type[errors.ServiceException]]:
    for child in base.__subclasses__():
        yield child
        yield from descendants(child)


def test_every_error_is_documented_with_its_status() -> None:
    kinds = set(descendants(errors.ServiceException)) - {errors.InfernetMLException}
    expected = {
        kind.__name__: (str(kind.status.value), "yes" if _is_retried(kind) else "no")
        for kind in kinds
    }

    assert {row[0].strip("`"): (row[1], row[2]) for row in rows(GUIDE, "Class")} == expected


def _is_retried(kind: type[errors.ServiceException]) -> bool:
    return issubclass(kind, errors.InfernetMLException) and kind.retryable


def test_every_hook_is_documented() -> None:
    hooks = {name for name in vars(TGIClientInferenceWorkflow) if name.startswith("do_")}

    assert set(names(GUIDE, "Hook")) == hooks


def test_example_of_a_workflow(start: StartService, tgi: MockTGI) -> None:
    namespace: dict[str, Any] = {"__name__": "example"}
    exec(compile(block("python"), "docs/service.md", "exec"), namespace)
    service = start(workflow_class=namespace["OneSentence"])
    tgi.script(Behaviour(text=" They can. In theory."))

    assert service.ask({"text": "Can they?"}).json() == {"output": "They can."}
    assert tgi.generations[0].json["inputs"] == (
        "Answer in one sentence.\nQuestion: Can they?\nAnswer:"
    )


def test_every_metric_is_documented_with_its_labels(service: Service, tgi: MockTGI) -> None:
    tgi.script(overloaded())  # a label shows with its first value
    service.ask()
    families = service.desk.metrics.families()
    documented = {
        row[0].strip("`"): (row[1], set(re.findall(r"`(\w+)`", row[2])))
        for row in rows(GUIDE, "Metric")
    }

    assert documented.keys() == {family.name for family in families}
    for family in families:
        labels = {name for sample in family.samples for name in sample.labels} - {"le"}
        assert documented[family.name] == (family.type, labels), family.name


def events() -> dict[str, str]:
    """Returns the events that the package logs, with their levels, read from its source."""
    found = {}
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="log"), attr=level),
                    args=[ast.Constant(value=str(event)), *_],
                ):
                    found[event] = level
    return found


def test_every_event_is_documented_with_its_level() -> None:
    assert {row[0].strip("`"): row[1] for row in rows(GUIDE, "Event")} == events()


def test_entry_of_the_node_s_configuration() -> None:
    """The whole entry is JSON; what is for the service is understood by the service."""
    entry = json.loads(block("json"))
    settings = config.load(entry["env"])
    options = read_options(entry["command"].split(), in_container=True)

    assert settings.workflow.server_urls == ("http://tgi:80",)
    assert settings.workflow.timeout == 30
    assert settings.workflow.parameters == {"max_new_tokens": 256, "temperature": 0.7}
    assert policy_of(settings) == policy_of(load())
    assert settings.warnings == ()
    assert options.addresses == (f"0.0.0.0:{entry['port']}",)
    assert options.workers == 2


def test_every_option_is_documented(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_options(["--help"], in_container=True)
    offered = set(re.findall(r"--[a-z]+", capsys.readouterr().out)) - {"--help"}

    documented = {re.findall(r"--[a-z]+", row[0])[0] for row in rows(GUIDE, "Option")}
    assert documented == offered
