"""Description of the requests and answers of a server."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from rnnlab.errors import ConfigError, DataError
from rnnlab.serving.handlers import Handler

MAX_TYPED = 300  # characters of a request in a command to copy
JSON_TYPES: Mapping[type, Any] = {
    str: "string",
    int: ["number", "null"],
    float: ["number", "null"],
    bool: "boolean",
    type(None): ["number", "null"],
}


def describe_service(handler: Handler, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schemas of requests and answers, an example, and the limits.

    The example is answered, which also prepares the network for the first request. `example` is
    None, and `example_problem` says why, if the run does not accept it.
    """
    limits = handler.limits
    description = {
        **facts,
        "input": handler.model.model_json_schema(),
        "limits": {
            "bytes": limits.num_bytes,
            "inputs": limits.inputs,
            "seconds": limits.seconds,
        },
        "error": {"type": "object", "properties": {"error": {"type": "string"}}},
    }
    example = handler.example()
    try:
        (answer,) = handler.answer([handler.parse(json.dumps(example).encode())])
    except (ConfigError, DataError) as error:
        schema = describe_answer([], False)
        return {**description, "output": schema, "example": None, "example_problem": str(error)}
    schema = describe_answer(answer["predictions"], "notes" in answer)
    return {**description, "output": schema, "example": example, "example_answer": answer}


def describe_answer(predictions: list[dict[str, Any]], has_notes: bool) -> dict[str, Any]:
    """Return the JSON schema of an answer with such predictions."""
    first = predictions[0] if predictions else {}
    columns = {name: {"type": JSON_TYPES[type(value)]} for name, value in first.items()}
    rows = {"type": "object", "properties": columns, "required": list(columns)}
    properties: dict[str, Any] = {"predictions": {"type": "array", "items": rows}}
    if has_notes:
        properties["notes"] = {"type": "array", "items": {"type": "string"}}
    return {"type": "object", "properties": properties, "required": list(properties)}


def curl_command(address: str, example: Mapping[str, Any] | None) -> str:
    """Return a command that sends the example; a long one comes from the server itself."""
    send = f"curl -s {address}/predict -H 'content-type: application/json' -d"
    typed = json.dumps(example, ensure_ascii=False)
    if example is None:
        return f"{send} @request.json"
    if len(typed) <= MAX_TYPED:
        return f"{send} {shlex.quote(typed)}"
    return f"curl -s {address}/example | {send} @-"
