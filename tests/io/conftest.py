"""A web server on this machine for downloads."""

import http.server
import threading
from contextlib import contextmanager

import pytest


@pytest.fixture
def serving():
    """Give a context manager that serves files (name to bytes): it yields the address and the requests."""
    return _serving


@contextmanager
def _serving(files):
    """Serve files (name to bytes) on this machine, and count the requests."""
    requests = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.path)
            content = files.get(self.path.lstrip("/"))
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
