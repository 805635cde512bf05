"""JSON merge patch (RFC 7386) and JSON patch (RFC 6902) over values that must not change.

Both return a new value and share what they did not touch with the old one.
"""

from __future__ import annotations

from typing import Any

from model.errors import bad_request, rejected_patch


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386: null deletes, objects merge, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def apply(document: Any, operations: Any) -> Any:
    """RFC 6902; any operation that does not apply refuses the whole patch with 422."""
    if not isinstance(operations, list):
        raise bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    for operation in operations:
        document = _operate(document, operation)
    return document


def _operate(document: Any, operation: Any) -> Any:
    if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
        raise rejected_patch()
    verb = operation.get("op")
    path = _parts(operation["path"])
    if verb in ("add", "replace", "test") and "value" not in operation:
        raise rejected_patch()
    if verb == "test":
        # A missing place counts as null, as in the Go library the server uses.
        if _look(document, path, missing_is_null=True) != operation["value"]:
            raise rejected_patch()
        return document
    if verb == "add":
        return _change(document, path, "add", operation["value"])
    if verb == "replace":
        return _change(document, path, "replace", operation["value"])
    if verb == "remove":
        return _change(document, path, "remove", None)
    if verb in ("move", "copy"):
        origin = _parts(str(operation.get("from", "")))
        value = _look(document, origin)
        if verb == "move":
            document = _change(document, origin, "remove", None)
        return _change(document, path, "add", value)
    raise rejected_patch()


def _parts(pointer: str) -> list[str]:
    if pointer == "":
        return []
    if not pointer.startswith("/"):
        raise rejected_patch()
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/")]


def _look(document: Any, path: list[str], *, missing_is_null: bool = False) -> Any:
    for part in path:
        if isinstance(document, dict) and part in document:
            document = document[part]
        elif isinstance(document, list) and part.isdigit() and int(part) < len(document):
            document = document[int(part)]
        elif missing_is_null and part is path[-1] and isinstance(document, dict):
            return None
        else:
            raise rejected_patch()
    return document


def _change(document: Any, path: list[str], verb: str, value: Any) -> Any:
    if not path:
        if verb == "remove":
            raise rejected_patch()
        return value
    head, rest = path[0], path[1:]
    if isinstance(document, dict):
        return _change_member(document, head, rest, verb, value)
    if isinstance(document, list):
        return _change_element(document, head, rest, verb, value)
    raise rejected_patch()


def _change_member(
    document: dict[str, Any], head: str, rest: list[str], verb: str, value: Any
) -> Any:
    if rest or verb != "add":
        # The server's library lets "replace" add what is not there.
        if head not in document and (rest or verb == "remove"):
            raise rejected_patch()
        if not rest and verb == "remove":
            return {key: kept for key, kept in document.items() if key != head}
    return {**document, head: _change(document.get(head), rest, verb, value)}


def _change_element(document: list[Any], head: str, rest: list[str], verb: str, value: Any) -> Any:
    result = list(document)
    if head == "-" and not rest and verb == "add":
        return [*result, value]
    if not head.isdigit():
        raise rejected_patch()
    index = int(head)
    if not rest and verb == "add":
        if index > len(result):
            raise rejected_patch()
        result.insert(index, value)
        return result
    if index >= len(result):
        raise rejected_patch()
    if not rest and verb == "remove":
        del result[index]
        return result
    result[index] = _change(result[index], rest, verb, value)
    return result
