"""Mutants of contracts by the operators of slither-mutate, one JSON line each.

Runs in the environment of ``requirements/audit.lock``. slither-mutate itself edits the
sources in place and builds the project twice per mutant; only its operators are used here.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slither import Slither
from slither.core.declarations import Contract
from slither.tools.mutator.mutators.all_mutators import (
    AOR,
    ASOR,
    BOR,
    CR,
    LIR,
    LOR,
    MIA,
    MVIE,
    MVIV,
    ROR,
    RR,
    SBR,
    UOR,
)

OPERATORS = (RR, CR, MIA, ROR, LOR, AOR, ASOR, BOR, UOR, LIR, MVIV, MVIE, SBR)
"""All but two. MWA has no say: `while (c) revert` does what `if (c) revert` does. FHR repeats the
function's body after the header that it changes, so that none of its mutants compiles."""


def mutants(contract: Contract) -> Iterator[dict[str, Any]]:
    """Yields the mutants of one contract, without repetitions.

    Each has ``operator``, ``line`` (from 1), ``start`` and ``end`` (byte offsets of what is
    replaced), and ``new`` (what replaces it).
    """
    seen: set[tuple[int, int, str]] = set()
    for operator in OPERATORS:
        mutator = operator(contract.compilation_unit, 0, "", "", contract, None, False, Path(), [])
        if operator is ROR:
            # It splits the text at `>` and the like, which assembly writes as `gt`.
            mutator.should_mutate_function = lambda function: not function.contains_assembly
        for patches in mutator._mutate().get("patches", {}).values():
            for patch in sorted(patches, key=lambda patch: (patch["start"], patch["new_string"])):
                place = (patch["start"], patch["end"], patch["new_string"])
                if place not in seen:
                    seen.add(place)
                    yield {
                        "operator": operator.NAME,
                        "line": patch["line_number"],
                        "start": patch["start"],
                        "end": patch["end"],
                        "new": patch["new_string"],
                    }


def main(root: str, name: str) -> None:
    """Prints the mutants of the contract ``name`` of a project that has been built."""
    slither = Slither(root, ignore_compile=True, foundry_out_directory="out")
    [contract] = slither.get_contract_from_name(name)
    for mutant in mutants(contract):
        print(json.dumps(mutant))


if __name__ == "__main__":
    main(*sys.argv[1:])
