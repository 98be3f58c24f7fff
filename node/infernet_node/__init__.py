"""The Infernet node: between a chain or a REST client and the containers that compute."""

from importlib.metadata import version

__version__ = version("infernet-tgi")
