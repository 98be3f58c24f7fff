"""The containers that compute: where they are, whether they run, what they say of themselves."""
