"""Deployment, requests and the local stack, for people at a terminal."""
