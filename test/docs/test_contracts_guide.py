"""The guide for contract authors: its samples work elsewhere, and it leaves nothing out."""

import json
import os
import re
import shutil
import subprocess
import sys
from inspect import getsource
from pathlib import Path

import pytest

from infernet_protocol.output import output_from_text
from infernet_testing import Infernet
from test.docs import guide
from test.docs.guide import EXAMPLES, GUIDE, ROOT
from test.docs.test_pages import tracked

pytestmark = pytest.mark.timeout(400)
"""A compiler in WebAssembly, several times over, on machines that have other work."""

BIN = Path(sys.executable).parent
SOLADY = ROOT / "node_modules" / "solady" / "src"
FORGE_STD = ROOT / "node_modules" / "@layerzerolabs" / "toolbox-foundry" / "lib" / "forge-std"
CONTRACTS = ROOT / "contracts"
TESTS = ROOT / "test" / "contracts"

WEAKNESSES = {f"W{number}" for number in range(1, 16)}
TRAIL_OF_BITS = {f"TOB-RITUAL-{name}" for name in (*range(1, 10), "A1", "A2", "A3")}
ZELLIC = {f"Zellic {name}" for name in ("3.1", "3.2", "4.1", "4.2")}
LEFT_TO_AUTHORS = {"W5", "W9", "W10", "W11", "W12", "W14", "W15"} | {
    "TOB-RITUAL-2",
    "TOB-RITUAL-3",
    "TOB-RITUAL-6",
    "TOB-RITUAL-7",
    "TOB-RITUAL-8",
    "TOB-RITUAL-A3",
    "Zellic 3.1",
    "Zellic 3.2",
    "Zellic 4.2",
}
"""What no change of the contracts can mend, so that the guide has to."""

SAMPLES = """
pragma solidity ^0.8.13;

import {BaseConsumer} from "infernet-sdk/consumer/Base.sol";
import {ConsumerTest} from "infernet-sdk/testing/ConsumerTest.sol";
import {MyOnchainSubscription} from "../src/MyOnchainSubscription.sol";
import {PrintedSample} from "../src/PrintedSample.sol";

contract SamplesTest is ConsumerTest {
    function test_PrintedDropsTheAnswer() public {
        new PrintedSample(address(registry)).chatWithLLM(abi.encode("How many?"));
        _answer(1, "42");
    }

    function test_PrintedTakesForgedAnswers() public {
        PrintedSample sample = new PrintedSample(address(registry));
        sample.receiveCompute(bytes32(uint256(1)), _encodeAnswer("42"), "");
    }

    function test_WholeReceivesTheAnswer() public {
        new MyOnchainSubscription(address(registry)).chatWithLLM(abi.encode("How many?"));
        _answer(1, "42");
    }

    function test_WholeRefusesForgedAnswers() public {
        MyOnchainSubscription sample = new MyOnchainSubscription(address(registry));
        vm.expectRevert(BaseConsumer.NotCoordinator.selector);
        sample.receiveCompute(bytes32(uint256(1)), _encodeAnswer("42"), "");
    }
}
"""
"""What the page says of the sample."""

IDENTIFIER = re.compile(r"\b(W\d+|TOB-RITUAL-A?\d+|Zellic \d\.\d)\b")
TEST_NAME = re.compile(r"`((?:test|testFuzz|invariant)_\w+)`")


def run(folder: Path, *command: str | Path, **env: str) -> str:
    """Runs a command in a folder that knows nothing of this repository; returns what it printed."""
    clean = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR") if key in os.environ}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**clean, "HOME": str(folder), **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def install(libraries: Path) -> None:
    """Puts this repository, solady and forge-std where a project has its libraries."""
    wanted = re.compile(r"(contracts|test/contracts/lib)/.*\.sol|foundry\.toml")
    for path in filter(wanted.fullmatch, tracked()):
        target = libraries / "infernet-tgi" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, target)
    shutil.copytree(SOLADY, libraries / "solady" / "src")
    shutil.copytree(FORGE_STD, libraries / "forge-std" / "src")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Foundry project made of the page's files, with what the page wants in lib/."""
    folder = tmp_path_factory.mktemp("project")
    install(folder / "lib")
    for title in ("A project of your own", "A first consumer", "The sample of Infernet's guide"):
        guide.write(guide.section(title).split("### Tested by pytest")[0], folder)
    (folder / "test" / "Samples.t.sol").write_text(SAMPLES)
    # forge cannot fetch a compiler everywhere; the page leaves the choice to forge.
    solc = str(ROOT / "scripts" / "solc.js")
    (folder / "tests.json").write_text(
        run(folder, BIN / "forge", "test", "-vv", "--json", FOUNDRY_SOLC=solc)
    )
    return folder


def logged(project: Path, suite: str) -> dict[str, list[str]]:
    """Returns what the tests of one contract in the project logged; all have passed."""
    results = json.loads((project / "tests.json").read_text())[f"test/{suite}.t.sol:{suite}Test"]
    assert {result["status"] for result in results["test_results"].values()} == {"Success"}
    return {name: result["decoded_logs"] for name, result in results["test_results"].items()}


def test_the_samples_pass_their_forge_tests_in_a_project_of_ones_own(project: Path) -> None:
    assert len(logged(project, "Oracle")) == 4


def test_the_printed_sample_drops_answers_and_takes_forged_ones(project: Path) -> None:
    logs = logged(project, "Samples")
    assert logs["test_PrintedDropsTheAnswer()"] == ["Requested compute"]
    assert logs["test_PrintedTakesForgedAnswers()"][0] == "Received output!"


def test_the_sample_made_whole_receives_answers_and_refuses_forged_ones(project: Path) -> None:
    logs = logged(project, "Samples")
    output = "0x" + output_from_text("42").hex()
    id_, proof = "0x" + 63 * "0" + "1", "0x"
    received = ["Requested compute", "Received output!", id_, output, proof]
    assert logs["test_WholeReceivesTheAnswer()"] == received
    assert logs["test_WholeRefusesForgedAnswers()"] == []


def test_the_sample_made_whole_is_the_printed_one_and_more() -> None:
    printed, whole = (
        next(file.content for file in guide.files(GUIDE.read_text()) if file.path == path)
        for path in ("src/PrintedSample.sol", "src/MyOnchainSubscription.sol")
    )
    missing = set(printed.splitlines()) - set(whole.splitlines())
    changed = {line.strip() for line in missing if "//" not in line}
    assert changed == {
        "contract PrintedSample is CallbackConsumer {",
        "function receiveCompute(bytes32 taskId, bytes memory output, bytes memory proof) "
        "public pure {",
    }


def test_both_prefixes_of_infernet_sdk_lead_to_the_contracts(project: Path) -> None:
    """The same file under two names is two sources to the compiler: only the paths are compared."""
    remapped = dict(
        line.split("=") for line in run(project, BIN / "forge", "remappings").splitlines()
    )
    assert remapped["infernet-sdk/src/"] == "lib/infernet-tgi/contracts/"
    assert remapped["infernet-sdk/test/lib/"] == "lib/infernet-tgi/test/contracts/lib/"
    for folder in (path.name for path in CONTRACTS.iterdir() if path.is_dir()):
        assert remapped[f"infernet-sdk/{folder}/"] == f"lib/infernet-tgi/contracts/{folder}/"
    for file in (path.name for path in CONTRACTS.glob("*.sol")):
        assert remapped[f"infernet-sdk/{file}"] == f"lib/infernet-tgi/contracts/{file}"


OLD_PROJECT = """
pragma solidity ^0.8.13;

import {Script} from "forge-std/Script.sol";
import {CallbackConsumer} from "infernet-sdk/consumer/Callback.sol";
import {SubscriptionConsumer} from "infernet-sdk/src/consumer/Subscription.sol";
import {LibDeploy} from "infernet-sdk/test/lib/LibDeploy.sol";
import {Ownable} from "solady/auth/Ownable.sol";

contract Callback is CallbackConsumer, Ownable {
    constructor(address registry) CallbackConsumer(registry) {}
}

contract Scheduled is SubscriptionConsumer {
    constructor(address registry) SubscriptionConsumer(registry) {}
}

contract Deploy is Script {
    function run() external {
        LibDeploy.deployContracts(msg.sender, vm.getNonce(msg.sender), msg.sender, 500);
    }
}
"""
"""Imports as projects of infernet-sdk have them, by all three prefixes."""


def test_a_project_keeps_its_imports_of_infernet_sdk(tmp_path: Path) -> None:
    install(tmp_path / "lib")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "Old.sol").write_text(OLD_PROJECT)

    solc = str(ROOT / "scripts" / "solc.js")
    run(tmp_path, BIN / "forge", "build", FOUNDRY_SOLC=solc, FOUNDRY_OPTIMIZER="true")

    assert {path.stem for path in (tmp_path / "out" / "Old.sol").iterdir()} == {
        "Callback",
        "Deploy",
        "Scheduled",
    }


def test_the_samples_pass_their_pytest_tests_in_a_project_of_ones_own(
    project: Path, tmp_path: Path
) -> None:
    guide.write(guide.section("Tested by pytest"), tmp_path)
    (tmp_path / "out").symlink_to(project / "out")
    # Plugins that happen to be installed here, and start something of their own.
    others = ("-p", "no:ape_test", "-p", "no:schemathesis")
    printed = run(tmp_path, sys.executable, "-m", "pytest", "-q", *others)
    assert "4 passed" in printed


def test_the_samples_pass_their_ape_tests_in_a_project_of_ones_own(
    project: Path, tmp_path: Path
) -> None:
    guide.write(guide.section("Tested by ape"), tmp_path)
    (tmp_path / "out").symlink_to(project / "out")
    assert "1 passed" in run(tmp_path, BIN / "ape", "test")


def test_an_unoptimised_build_fails_as_the_page_says(project: Path, tmp_path: Path) -> None:
    shutil.copytree(project, tmp_path / "project", ignore=shutil.ignore_patterns("out", "cache"))
    done = subprocess.run(
        [BIN / "forge", "build", "src/Oracle.sol"],
        cwd=tmp_path / "project",
        env={
            **os.environ,
            "FOUNDRY_SOLC": str(ROOT / "scripts" / "solc.js"),
            "FOUNDRY_OPTIMIZER": "false",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert "Stack too deep" in done.stdout + done.stderr


def test_every_known_weakness_is_on_the_page() -> None:
    assert set(IDENTIFIER.findall(GUIDE.read_text())) == WEAKNESSES | TRAIL_OF_BITS | ZELLIC


def test_every_weakness_that_is_left_to_authors_has_advice_and_a_test() -> None:
    rows = [line.split("|") for line in guide.section("Traps").splitlines() if line.count("|") == 5]
    advised = {
        found: (advice.strip(), tests)
        for _, ids, _, advice, tests, _ in rows
        for found in IDENTIFIER.findall(ids)
    }
    assert set(advised) == LEFT_TO_AUTHORS
    for found, (advice, tests) in advised.items():
        assert len(advice) > 20, found
        assert TEST_NAME.findall(tests), found


def test_every_test_that_the_page_names_exists() -> None:
    sources = "".join(path.read_text() for path in TESTS.rglob("*.sol"))
    defined = set(re.findall(r"function (\w+)\(", sources))
    named = set(TEST_NAME.findall(GUIDE.read_text()))
    assert named
    assert named <= defined, named - defined


def test_every_weakness_has_a_test_with_its_id() -> None:
    names = re.findall(
        r"function (test\w+)\(", "".join(p.read_text() for p in (TESTS / "findings").glob("*.sol"))
    )
    tested = {re.sub(r"^test(Fuzz)?_", "", name) for name in names}
    for weakness in WEAKNESSES | TRAIL_OF_BITS | ZELLIC:
        prefix = re.sub(r"[-. ]", "_", weakness) + "_"
        assert any(name.startswith(prefix) for name in tested), weakness


def test_every_invariant_is_on_the_page_in_words() -> None:
    source = (TESTS / "invariant" / "Market.invariant.t.sol").read_text()
    held = re.findall(r"function (invariant_\w+)\(", source)
    assert sorted(TEST_NAME.findall(guide.section("What always holds"))) == sorted(held)


def test_every_example_has_a_page_that_the_guide_links_to() -> None:
    sources = {path.stem for path in (CONTRACTS / "examples").glob("*.sol")}
    pages = {path.stem for path in EXAMPLES.glob("*.md")}
    # One is a mix-in, and one is the sample, which the guide itself shows.
    assert pages == sources - {"AnswerDecoder", "MyOnchainSubscription"}
    for page in pages:
        assert f"(contracts/{page}.md)" in GUIDE.read_text()


def test_every_helper_of_both_kits_is_listed() -> None:
    kit = (CONTRACTS / "testing" / "ConsumerTest.sol").read_text()
    helpers = set(re.findall(r"function (_\w+)\(", kit))
    helpers |= set(re.findall(r"internal (?:immutable )?(\w+)(?: =|;)", kit))
    assert helpers <= set(re.findall(r"`(\w+)", guide.section("Tested by forge")))

    members = set(
        re.findall(r"^        self\.([a-z]\w+)\b.* = ", getsource(Infernet), re.MULTILINE)
    )
    members |= {name for name in vars(Infernet) if not name.startswith("_")}
    listed = set(re.findall(r"`(\w+)", guide.section("Tested by pytest")))
    assert members - {"chain"} <= listed


def test_every_name_that_a_consumer_finds_taken_is_listed() -> None:
    listed = set(re.findall(r"`(\w+)`", guide.section("Deploying").split("Names that")[1]))
    member = re.compile(r"(?:function|modifier|event|error) (\w+)\(|(?:internal|immutable) (\w+);")
    for source in (
        "consumer/Base",
        "consumer/Callback",
        "consumer/Subscription",
        "pattern/Allowlist",
        "pattern/Delegator",
    ):
        text = re.sub(r"//[^\n]*", "", (CONTRACTS / f"{source}.sol").read_text())
        for match in member.findall(text):
            (name,) = filter(None, match)
            assert name in listed | {source.rpartition("/")[2]}, f"{name} of {source}"
