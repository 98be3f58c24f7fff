"""What goes over an Infernet wire or into one of its hashes, and nothing else.

Service, node and client share this package and do not import each other.
"""
