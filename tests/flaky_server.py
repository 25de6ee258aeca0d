"""A web server on the loopback whose faults can be switched on, for the tests of downloads."""
import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Serves `files` (name: bytes) at `url`; `log` has (path, Range, status, bytes of the body)."""

    daemon_threads = True

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/"
        self.files, self.log = dict(files), []
        self.redirect = {}  # {path: address}
        self.ranges = True  # False: Range is ignored
        self.shift = 0  # a part starts that many bytes after the first one requested
        self.announce = True  # False: no Content-Length
        self.cut = None  # hang up after so many bytes of the body
        self.stall = None  # an Event to wait for after the body

    def handle_error(self, *args):
        """A client that hangs up is part of the test."""


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        server, requested = self.server, self.headers["Range"]
        body = server.files.get(self.path[1:])
        if self.path in server.redirect:
            self.answer(302, b"", Location=server.redirect[self.path])
        elif body is None:
            self.answer(404, b"not here")
        elif requested and server.ranges:
            start = int(requested.removeprefix("bytes=").removesuffix("-")) + server.shift
            if start < len(body):
                place = {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
                self.answer(206, body[start:], **place)
            else:
                self.answer(416, b"")
        else:
            self.answer(200, body)

    def answer(self, status, body, **headers):
        self.send_response(status)
        if self.server.announce:
            headers["Content-Length"] = len(body)
        for name, value in headers.items():
            self.send_header(name, str(value))
        sent = body[: self.server.cut]
        # before the client can go on
        self.server.log.append((self.path, self.headers["Range"], status, len(sent)))
        self.end_headers()
        self.wfile.write(sent)
        if self.server.stall:
            self.server.stall.wait(5)
        self.close_connection = True


@contextlib.contextmanager
def running(files):
    """The server in a thread of its own, for the length of a test."""
    with Server(files) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(5)
