"""The outermost layer of the server: who may ask, what may come in, and what leaves when something fails."""

from __future__ import annotations

import hmac
import sys
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_URL_BYTES = 32 << 10
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; media-src 'self'; script-src 'self';"
    " style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}


def problem(status: int, title: str, detail: str = "") -> Response:
    """An error as problem+json (RFC 9457)."""
    content = {"type": "about:blank", "title": title, "status": status, **({"detail": detail} if detail else {})}
    return JSONResponse(content, status, media_type="application/problem+json")


class RequestGuard:
    """Passes on requests that name this server as Host, come from no other origin, carry the token of this start and
    have no body. Everything that leaves has the headers above; nothing that fails shows its traceback."""

    def __init__(self, app: ASGIApp, port: int, token: str) -> None:
        self._app = app
        self._token = token.encode()
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self._cookie = f"mmsearch-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        started = False

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope)
        try:
            await (refusal or self._app)(scope, receive, guarded)
        except Exception as error:
            sys.stderr.write(f"A request failed: {type(error).__name__}.\n")
            if not started:
                await problem(500, "Internal error")(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        """Why a request is not passed on, as the response to it."""
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return problem(421, "Misdirected request", "This server answers only to its own name.")
        if origins and origins != [f"http://{hosts[0]}"]:
            return problem(403, "Forbidden", "Other origins may not ask.")
        if headers.get("sec-fetch-site") in ("cross-site", "same-site") and scope["path"] != "/":
            return problem(403, "Forbidden", "Other sites may not ask.")
        if len(scope["raw_path"] or b"") + len(scope["query_string"]) > MOST_URL_BYTES:
            return problem(414, "URI too long")
        if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
            return problem(413, "Content too large", "Requests have no body.")
        values = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if scope["path"] == "/" and "token" in dict(values):
            return self._exchange(values)
        if not self._is_known(headers):
            return problem(401, "Unauthorized", "Open the address that `mmsearch serve` printed when it started.")
        return None

    def _exchange(self, values: list[tuple[str, str]]) -> Response:
        """The token becomes a cookie, and leaves the address."""
        if not self._is_token(dict(values)["token"]):
            return problem(401, "Unauthorized", "This token is not the one of this start.")
        rest = urlencode([pair for pair in values if pair[0] != "token"])
        response = Response(status_code=303, headers={"Location": f"/?{rest}" if rest else "/"})
        response.set_cookie(self._cookie, self._token.decode(), httponly=True, samesite="strict", path="/")
        return response

    def _is_known(self, headers: Mapping[str, str]) -> bool:
        scheme, _, value = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token(value):
            return True
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return False
        return cookie is not None and self._is_token(cookie.value)

    def _is_token(self, value: str) -> bool:
        return hmac.compare_digest(value.encode("utf-8", "replace"), self._token)
