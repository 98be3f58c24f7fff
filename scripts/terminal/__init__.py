"""How scripts meet a person: options, values, colours and exit codes."""
