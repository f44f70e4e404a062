"""The servers that tools are pointed at: nginx, and the project's own origin.

Knows how each is started on a core and asked what it served; knows no tool.
"""

from dataclasses import dataclass
import contextlib
import re
import socket
import subprocess
import time
import urllib.request

from measure import arrivals, child

HOST = "127.0.0.1"
START_LIMIT_S = 5

# One answer for all, as short as the origin's own.
NGINX_CONF = """\
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log warn;
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    ssl_certificate {tls.cert};
    ssl_certificate_key {tls.key};
    ssl_protocols TLSv1.3;
    ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
    ssl_session_cache off;
    ssl_session_tickets off;
    server {{ listen {host}:{ports[http]} backlog=4096; location / {{ return 200 "ok\\n"; }} }}
    server {{ listen {host}:{ports[https]} ssl; location / {{ return 200 "ok\\n"; }} }}
    server {{ listen {host}:{ports[h2]} ssl http2; location / {{ return 200 "ok\\n"; }} }}
    server {{ listen {host}:{ports[h2c]} http2; location / {{ return 200 "ok\\n"; }} }}
    server {{
        listen {host}:{ports[mtls]} ssl;
        ssl_client_certificate {tls.ca};
        ssl_verify_client on;
        location / {{ return 200 "ok\\n"; }}
    }}
    server {{ listen {host}:{ports[status]}; location / {{ stub_status; }} }}
}}
"""


class NoServer(Exception):
    """A server did not come up; the message says which and what it wrote."""


@dataclass(frozen=True)
class Credentials:
    """Paths of PEM files: the CA, and one certificate for 127.0.0.1, for both sides."""

    ca: str
    cert: str
    key: str


@dataclass(frozen=True)
class Counts:
    """What a server says that it served since it started."""

    requests: int
    connections: int


def credentials(folder):
    """Makes a CA and a certificate in a folder, of P-256 keys as meshes use them."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
            "-subj", "/CN=compare-peers CA")
    openssl("req", *key, "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=localhost")
    (folder / "leaf.ext").write_text(
        "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n"
        "extendedKeyUsage=serverAuth,clientAuth\n", encoding="utf-8")
    openssl("x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-out", "leaf.pem", "-days", "2", "-extfile", "leaf.ext")
    return Credentials(*(str(folder / name) for name in ("ca.pem", "leaf.pem", "leaf.key")))


def _free_ports(count):
    # Held together, so that no port comes twice.
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in held:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in held]


def _wait_until(ready, what, log):
    ends = time.monotonic() + START_LIMIT_S
    while time.monotonic() < ends:
        if ready():
            return
        time.sleep(0.02)
    said = log.read_text(errors="replace").strip() or "nothing"
    raise NoServer(f"{what} did not come up within {START_LIMIT_S} s. It wrote: {said}")


def _answers(port):
    with contextlib.suppress(OSError):
        socket.create_connection((HOST, port), timeout=1).close()
        return True
    return False


@dataclass(frozen=True)
class Nginx:
    """A running nginx of one worker, with a port for each protocol."""

    ports: dict

    def url(self, protocol):
        """Where a protocol of `http`, `https`, `h2`, `h2c` or `mtls` is spoken."""
        scheme = "http" if protocol in ("http", "h2c") else "https"
        return f"{scheme}://{HOST}:{self.ports[protocol]}/"

    def counts(self):
        """Its own count, without the questions for it."""
        with urllib.request.urlopen(self.url("http").replace(
                str(self.ports["http"]), str(self.ports["status"])), timeout=5) as answer:
            text = answer.read().decode()
        numbers = re.search(r"^\s*(\d+)\s+(\d+)\s+(\d+)\s*$", text, re.MULTILINE)
        return Counts(requests=int(numbers[3]), connections=int(numbers[2]))


@contextlib.contextmanager
def nginx(program, tls, core, folder):
    """nginx for as long as the block lasts."""
    names = ("http", "https", "h2", "h2c", "mtls", "status")
    ports = dict(zip(names, _free_ports(len(names))))
    conf = folder / "nginx.conf"
    conf.write_text(NGINX_CONF.format(folder=folder, tls=tls, host=HOST, ports=ports),
                    encoding="utf-8")
    log = folder / "nginx.out"
    with child.running([program, "-c", str(conf), "-e", str(folder / "nginx.log")], core, log):
        _wait_until(lambda: _answers(ports["http"]), "nginx", log)
        yield Nginx(ports)


@dataclass(frozen=True)
class Origin:
    """A running `loadgen serve` that stamps what arrives."""

    port: int

    def url(self, _protocol):
        """Where it speaks HTTP/1.1."""
        return f"http://{HOST}:{self.port}/"


@contextlib.contextmanager
def origin(loadgen, options, core, folder):
    """`loadgen serve` for as long as the block lasts; its stamps are whole after the block."""
    port_file, log, stamps = folder / "port", folder / "serve.out", stamp_file(folder)
    for old in (port_file, stamps):
        old.unlink(missing_ok=True)
    argv = [loadgen, "serve", "--listen", f"{HOST}:0", "--port-file", str(port_file),
            "--core", str(core), "--stamp", str(stamps), *options]
    with child.running(argv, core, log):
        # The file can be seen before its line is.
        _wait_until(lambda: port_file.exists() and port_file.read_text().strip(),
                    "loadgen serve", log)
        yield Origin(int(re.search(r"\d+$", port_file.read_text().strip())[0]))


def stamp_file(folder):
    """Where the origin of that folder puts its stamps."""
    return folder / "stamps"


def stamps(folder):
    """All arrivals that the origin of that folder saw; empty when it wrote none."""
    path = stamp_file(folder)
    return arrivals.read_stamps(path) if path.exists() else []
