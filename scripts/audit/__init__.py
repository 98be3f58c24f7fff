"""What `make audit` runs beyond the tests: coverage, static analysis, proofs and mutation."""
