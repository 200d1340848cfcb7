"""The OpenAPI description of the server's API."""

from __future__ import annotations

from typing import Any


def _value(name: str, kind: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": {"type": kind}, "description": description}


def _call(summary: str, media_type: str, *values: dict[str, Any]) -> dict[str, Any]:
    done = {"description": "Done", "content": {media_type: {}}}
    failed = {"description": "An error", "content": {"application/problem+json": {}}}
    return {"get": {"summary": summary, "parameters": list(values), "responses": {"200": done, "default": failed}}}


_JSON = "application/json"
_ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}, "description": "`id` of a hit"}
_ORDER = (
    _value("k", "integer", "hits at most, up to 500"),
    _value("kind", "string", "text, image, pdf, audio, video, mail or document; may be repeated"),
    _value("sort", "string", "score, date, name or size"),
    _value("reverse", "boolean", "the other way round"),
)
DESCRIPTION: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "mmsearch", "version": "1"},
    "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    "security": [{"token": []}],
    "paths": {
        "/api/search": _call("Search by words", _JSON, _value("q", "string", "words and operators"), *_ORDER),
        "/api/status": _call("What the index holds", _JSON),
        "/api/places/{id}": _call("A place with its text", _JSON, _ID),
        "/api/places/{id}/similar": _call("Places like it", _JSON, _ID, *_ORDER),
        "/api/places/{id}/thumbnail": _call("A small picture of it", "image/jpeg", _ID),
        "/api/places/{id}/media": _call("Its file; takes Range", "application/octet-stream", _ID),
    },
}
