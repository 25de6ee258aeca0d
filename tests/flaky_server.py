"""A web server on the loopback with bad habits that can be switched on: the one the download tests
talk to.
"""
import contextlib
import itertools
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

OLD, NEW = "Wed, 10 Jun 2009 12:00:00 GMT", "Wed, 11 Jun 2014 12:00:00 GMT"


class Server(ThreadingHTTPServer):
    """Serves `files` (name: bytes) at `url`; `log` has (path, Range asked for, status, body bytes
    sent).
    """

    daemon_threads = True

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/"
        self.files, self.log = dict(files), []
        self.redirect = {}  # {path: where to}
        self.modified = OLD  # Last-Modified, None to keep it secret
        self.ranges = True  # False: Range is ignored
        self.if_range = True  # False: If-Range is ignored
        self.shift = 0  # a part starts that many bytes later than asked for
        self.announce = True  # False: no Content-Length
        self.cut = None  # hang up after so many bytes of the body
        self.stall = None  # an Event to wait for after the body

    def handle_error(self, *args):
        """A client that hangs up is part of the test."""


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        server, asked = self.server, self.headers["Range"]
        body = server.files.get(self.path[1:])
        if self.path in server.redirect:
            self.answer(302, b"", Location=server.redirect[self.path])
        elif body is None:
            self.answer(404, b"not here")
        elif asked and server.ranges and (not server.if_range or self.headers["If-Range"]
                                          == server.modified):
            start = int(asked.removeprefix("bytes=").removesuffix("-")) + server.shift
            if start < len(body):
                place = {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
                self.answer(206, body[start:], **place)
            else:
                self.answer(416, b"")
        else:
            self.answer(200, body)

    def answer(self, status, body, **headers):
        self.send_response(status)
        if self.server.modified:
            headers["Last-Modified"] = self.server.modified
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


@contextlib.contextmanager
def answering(*answers, host="127.0.0.1"):
    """The port of a server that gives these answers (bytes, or an iterable of them), one a
    connection; its requests.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        requests = []

        def serve():
            for answer in answers:
                with contextlib.suppress(OSError), listener.accept()[0] as connection:
                    connection.settimeout(5)
                    request = b""
                    while b"\r\n\r\n" not in request:
                        request += connection.recv(10_000)
                    requests.append(request.decode())
                    for piece in [answer] if isinstance(answer, bytes) else answer:
                        connection.sendall(piece)

        listener.settimeout(5)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1], requests
        finally:
            listener.close()
            thread.join(10)
            assert not thread.is_alive()


def forever(piece):
    """It again and again, in pieces that are worth sending."""
    return itertools.repeat(piece * (1 + 20_000 // len(piece)))


def head(**headers):
    """The start of a good answer, with these headers."""
    lines = [f"{key.replace('_', '-')}: {value}\r\n" for key, value in headers.items()]
    return ("HTTP/1.1 200 OK\r\n" + "".join(lines) + "\r\n").encode()
