"""`mmsearch serve`: an index as a web page and an API on this machine."""

from __future__ import annotations

import secrets
import socket
from typing import Annotated

import typer

from mmsearch.cli import exit_codes, locations, options
from mmsearch.errors import UsageError
from mmsearch.output import streams

EXAMPLES = exit_codes.epilog(
    "mmsearch serve --open        # the gallery in your browser",
    "mmsearch serve --port 9000",
)


def serve(
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="The port to listen on, of 127.0.0.1.")] = 8765,
    open: Annotated[bool, typer.Option("--open", help="Open the gallery in your browser.")] = False,
    index: options.Index = None,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> int:
    """Show the index in the browser, with an API for scripts.

    Only this machine is served. The address that is printed holds the token of this start. Ctrl-C ends.
    """
    try:
        import uvicorn

        from mmsearch.serving.answers import Answers
        from mmsearch.serving.http_app import application
    except ImportError as error:
        raise UsageError("Serving needs Starlette and uvicorn.", "pip install 'mmsearch[serve]'") from error
    from mmsearch.index import Index

    folder = locations.index_folder(index)
    with Index.open(folder) as opened, _listening(port) as listener, Answers(opened) as answers:
        token = secrets.token_urlsafe(32)
        address = f"http://127.0.0.1:{port}/?token={token}"
        streams.write_text(f"{address}\n")
        if not quiet:
            streams.write_message("Open this address in your browser. Ctrl-C ends.")
        if open:
            import webbrowser

            webbrowser.open(address)
        config = uvicorn.Config(
            application(answers, port, token),
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            limit_concurrency=256,
            timeout_keep_alive=10,
            timeout_graceful_shutdown=1,
        )
        uvicorn.Server(config).run(sockets=[listener])
    return exit_codes.DONE


def _listening(port: int) -> socket.socket:
    """A socket of this machine alone. Raises `UsageError` for a port that can't be had."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise UsageError(f"Port {port} can't be used: {error.strerror}.", f"--port {port % 65535 + 1}") from error
    return listener
