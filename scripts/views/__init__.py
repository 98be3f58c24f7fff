"""What scripts read from the chain. The rules are pure; what reads says so."""
