"""The parts of `make audit` that judge: what they count, and what they let pass."""

from pathlib import Path

import pytest

from scripts.audit import coverage, mutation, static
from scripts.audit.mutation import Mutant, Verdict

LCOV = """TN:
SF:contracts/Coordinator.sol
DA:10,3
DA:11,0
BRDA:10,0,0,3
BRDA:10,0,1,-
BRDA:11,1,0,0
end_of_record
SF:contracts/examples/ChatConsumer.sol
DA:1,0
end_of_record
SF:test/contracts/Wallet.t.sol
DA:1,0
end_of_record
SF:contracts/payments/WalletProxy.sol
DA:38,0
end_of_record
"""


def test_coverage_names_what_no_test_reaches() -> None:
    [file] = coverage.counted(coverage.parse_lcov(LCOV))
    assert file.path == "contracts/Coordinator.sol"
    assert file.missed_lines == [11]
    assert file.missed_branches == [10, 11]


@pytest.mark.parametrize(("missed", "total", "expected"), [(0, 0, 100), (1, 4, 75), (4, 4, 0)])
def test_coverage_in_percent(missed: int, total: int, expected: float) -> None:
    assert coverage.percent(missed, total) == expected


def test_files_that_forge_does_not_see_exist() -> None:
    assert all((coverage.ROOT / path).is_file() for path in coverage.UNSEEN)


def test_finding_is_named_by_its_place_and_not_by_its_line() -> None:
    contract = {"name": "Wallet", "type_specific_fields": {"parent": {"name": "Wallet.sol"}}}
    function = {"name": "withdraw", "type_specific_fields": {"parent": contract}}
    finding = static.Finding.from_json(
        {
            "check": "arbitrary-send-eth",
            "impact": "High",
            "description": "Wallet.withdraw sends eth\n\tDangerous calls",
            "elements": [{"name": "amount", "type_specific_fields": {"parent": function}}],
        }
    )
    assert finding.key == ("arbitrary-send-eth", "Wallet.withdraw.amount")
    assert finding.text == "Wallet.withdraw sends eth"


def test_every_explanation_of_a_finding_has_a_reason() -> None:
    assert all(len(reason) > 20 for reason in static.explanations().values())


def test_mutant_shows_its_changed_line() -> None:
    source = "// é\n    if (a > b) revert A();\n    c = d;\n".encode()
    start = source.index(b"a > b")
    record = (
        f'{{"operator": "ROR", "line": 2, "start": {start}, "end": {start + 5}, "new": "a < b"}}'
    )
    mutant = Mutant.read("Wallet", source, record)
    assert mutant.code == "if (a < b) revert A();"
    assert mutant.text == "// é\n    if (a < b) revert A();\n    c = d;\n"
    assert mutant.path == "contracts/payments/Wallet.sol"


def test_score_counts_mutants_that_run_and_lists_survivors(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def verdict(code: str, outcome: str) -> Verdict:
        return Verdict(Mutant("Wallet", "ROR", 7, code, ""), outcome)

    outcomes = ["killed", "killed", "killed", "survived", "invalid", "same"]
    score = mutation.report([verdict(f"code {n}", outcome) for n, outcome in enumerate(outcomes)])
    assert score == 75
    said = capsys.readouterr().out
    assert "contracts/payments/Wallet.sol:7 ROR code 3\n    NOT EXPLAINED" in said
    assert "code 0" not in said
    assert "3 of 4 mutants killed, 75.0 %" in said


def test_in_a_copy_the_core_is_deployed_by_tests(tmp_path: Path) -> None:
    library = tmp_path / mutation.DEPLOYING
    library.parent.mkdir(parents=True)
    (tmp_path / "test/contracts/lib").mkdir(parents=True)
    library.write_text((mutation.ROOT / mutation.DEPLOYING).read_text())

    mutation._deploy_by_name(tmp_path)

    assert "new EIP712Coordinator" not in library.read_text()
    moved = (tmp_path / "test/contracts/lib/LibDeploy.sol").read_text()
    assert "new EIP712Coordinator" in moved
    assert 'from "../../../contracts/EIP712Coordinator.sol"' in moved
