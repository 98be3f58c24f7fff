"""The Infernet node: between a chain or a REST client and the containers that compute."""
