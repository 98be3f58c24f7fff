"""Calls of the mock server that several tests make."""

import json
import re
from typing import Any

import httpx

PROMPT = "Can shrimp actually fry rice fr?"


def generate(http: httpx.Client, inputs: str = PROMPT, **parameters: Any) -> dict[str, Any]:
    response = http.post("/generate", json={"inputs": inputs, "parameters": parameters})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def events(response: httpx.Response) -> list[Any]:
    found = []
    for block in response.text.split("\n\n"):
        match = re.fullmatch(r"data: ?(.*)", block)
        if match:
            found.append(match[1] if match[1] == "[DONE]" else json.loads(match[1]))
    return found


def stream(http: httpx.Client, inputs: str = PROMPT, **parameters: Any) -> list[Any]:
    body = {"inputs": inputs, "parameters": parameters}
    response = http.post("/generate_stream", json=body)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/event-stream"
    return events(response)
