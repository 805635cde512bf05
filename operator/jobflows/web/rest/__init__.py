"""The REST API: what the archive's queries answer, as JSON. Each route is one query, for reading.

Every answer has an ETag, and a request with it in If-None-Match is answered 304.
"""

from fastapi import APIRouter

from jobflows.web.rest import across, flows

PREFIX = "/api/v1"

router = APIRouter()
router.include_router(flows.router)
router.include_router(across.router)

__all__ = ["PREFIX", "router"]
