"""Errors as clients see them: application/problem+json (RFC 9457)."""

from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from app.operations.context import current_request

MEDIA_TYPE = "application/problem+json"


class UnavailableError(Exception):
    """Something that the service depends on does not answer; the client may try again soon."""

    def __init__(self, dependency: str) -> None:
        super().__init__(f"{dependency} is unavailable")


def problem_body(status: int, detail: str, **members: Any) -> bytes:
    """Return the JSON text of a problem.

    Args:
        status: HTTP status.
        detail: What happened, for the person who reads it.
        members: Further members.
    """
    body: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    if detail:
        body["detail"] = detail
    if request := current_request.get():
        body["request_id"] = request.request_id
    return orjson.dumps(body | members)


def _response(status: int, detail: str, headers: dict[str, str] | None = None, **members: Any) -> Response:
    return Response(problem_body(status, detail, **members), status, headers, MEDIA_TYPE)


async def _on_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - tells the type checker what FastAPI guarantees
    detail = "" if error.detail == HTTPStatus(error.status_code).phrase else str(error.detail)
    return _response(error.status_code, detail, dict(error.headers or {}))


async def _on_validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - tells the type checker what FastAPI guarantees
    # Without the input: it may hold a secret, and logs of clients keep it.
    problems = [
        {"field": ".".join(str(part) for part in item["loc"]), "problem": item["msg"]} for item in error.errors()
    ]
    return _response(HTTPStatus.UNPROCESSABLE_ENTITY, "The request is not valid.", errors=problems)


async def _on_unavailable(_: Request, error: Exception) -> Response:
    return _response(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}; try again soon.", {"Retry-After": "2"})


async def _on_unhandled(_: Request, __: Exception) -> Response:
    return _response(HTTPStatus.INTERNAL_SERVER_ERROR, "")


def install(api: FastAPI) -> None:
    """Make `api` answer every error with a problem."""
    api.add_exception_handler(HTTPException, _on_http)
    api.add_exception_handler(RequestValidationError, _on_validation)
    api.add_exception_handler(UnavailableError, _on_unavailable)
    api.add_exception_handler(Exception, _on_unhandled)
