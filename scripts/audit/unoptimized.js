// Compiler settings of coverage and mutation tests: no optimiser, so that every statement keeps its
// place and a build is quick. What the code generator cannot do without is laying out the stack of
// the ABI coder it writes itself, which runs too deep for nine arguments otherwise.
"use strict";

module.exports = (input) => {
  input.settings.optimizer = {
    enabled: false,
    details: { yul: true, yulDetails: { stackAllocation: true, optimizerSteps: ":" } },
  };
};
