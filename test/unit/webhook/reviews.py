"""AdmissionReviews as an API server sends them, and what comes back."""

from __future__ import annotations

import base64
import json
from typing import Any

Object = dict[str, Any]

ADA = {"username": "ada", "uid": "u1", "groups": ["team"], "extra": {"scopes": ["read"]}}


def review(flow: Any, old: Any = None, *, operation: str = "", **request: Any) -> Object:
    """The review of a flow that is created, or changed from `old`."""
    said = {
        "uid": "705ab4f5",
        "kind": {"group": "workflow.kube-zen.io", "version": "v1alpha1", "kind": "JobFlow"},
        "operation": operation or ("CREATE" if old is None else "UPDATE"),
        "namespace": "lab",
        "name": "nightly",
        "userInfo": ADA,
        "object": flow,
        "oldObject": old,
        "dryRun": False,
        "options": {"kind": "CreateOptions"},
        **request,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": said}


def encoded(review: Any) -> bytes:
    return json.dumps(review).encode()


def response(body: bytes) -> Object:
    """The response of an answer that is a review itself."""
    said = json.loads(body)
    assert (said["apiVersion"], said["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    answer: Object = said["response"]
    assert answer["uid"] == "705ab4f5"
    return answer


def patch_of(response: Object) -> list[Object]:
    if "patch" not in response:
        return []
    assert response["patchType"] == "JSONPatch"
    operations: list[Object] = json.loads(base64.b64decode(response["patch"]))
    return operations
