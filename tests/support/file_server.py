"""An HTTP server on this machine that serves files, well or badly, each by a function."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import threading

from datasets.download import Source


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Range")))
        with contextlib.suppress(OSError):
            self.server.files.get(self.path, absent)(self)

    def answer(self, status, length=None, **headers):
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, *_):
        pass


def absent(request):
    request.send_error(404)


def serves(content, announced=None):
    """Answers with `content`, under a header that announces `announced` bytes."""

    def answer(request):
        request.answer(200, len(content) if announced is None else announced)
        request.wfile.write(content)

    return answer


def serves_ranges(content, at_most):
    """Answers with what is asked for of `content`, but breaks off after `at_most` bytes of it."""

    def answer(request):
        asked = request.headers.get("Range")
        first = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if first >= len(content):
            request.answer(416, 0, Content_Range=f"bytes */{len(content)}")
            return
        span = f"bytes {first}-{len(content) - 1}/{len(content)}"
        headers = {"Content_Range": span} if asked else {}
        request.answer(206 if asked else 200, len(content) - first, **headers)
        request.wfile.write(content[first:][:at_most])

    return answer


def pours(request):
    """Never ends, and does not say how much it is."""
    request.answer(200)
    while True:
        request.wfile.write(bytes(1 << 16))


def drips(request):
    """A byte now and then, for ever."""
    request.answer(200, 1000)
    while not request.server.closing.wait(0.01):
        request.wfile.write(b"x")


def drips_headers(request):
    """A header that never ends."""
    request.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    while not request.server.closing.wait(0.01):
        request.wfile.write(b"x")


def says_nothing(request):
    """Takes the connection and leaves it at that."""
    request.server.closing.wait()


class Server(http.server.ThreadingHTTPServer):
    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {}
        self.asked: list[tuple[str, str | None]] = []
        self.closing = threading.Event()
        self.address = f"http://127.0.0.1:{self.server_port}/files"

    def offer(self, name, content, answer=None):
        """Serve `content` by `answer` under `name`; returns what a download of it has to be."""
        self.files[f"/files/{name}"] = answer or serves(content)
        md5 = hashlib.md5(content).hexdigest()
        return Source(f"http://127.0.0.1:9/{name}", md5, len(content))
