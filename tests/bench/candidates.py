# SPDX-License-Identifier: Apache-2.0
"""Who is measured: the yardsticks, toolpost, and the peers found here."""
import os
import shutil
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parent
sys.path.insert(0, str(SOURCE.parent / "clients"))
import packages  # noqa: E402

NGINX = """\
daemon off;
worker_processes 1;
user root;
pid {work}/nginx.pid;
error_log {work}/nginx-error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    tcp_nodelay on;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    client_body_temp_path {work}/body;
    proxy_temp_path {work}/proxy;
    fastcgi_temp_path {work}/fastcgi;
    uwsgi_temp_path {work}/uwsgi;
    scgi_temp_path {work}/scgi;
    default_type application/json;
    server {{
        listen 127.0.0.1:{port};
        location / {{ return 200 '{answer}'; }}
    }}
}}
"""
NGINX_AT = shutil.which("nginx", path="/usr/sbin:" + os.defpath)
ANSWER = ('{"jsonrpc":"2.0","id":1000001,"result":{"content":'
          '[{"type":"text","text":"hello world"}]}}')


class Candidate:
    """Something that answers; knows its commands and its limits."""

    workloads = ("W1", "W2", "W5p", "W5l")
    load_options = ()  # what the load client must know about it
    share = 1.0  # of the messages of W5: slow peers get fewer
    least_warm = least_s = 0  # seconds that slow peers need

    def __init__(self, name, label):
        self.name = name
        self.label = label

    def http(self, workload, port, work):
        """The command that serves HTTP on this port."""
        raise NotImplementedError

    def stdio(self):
        """The command that serves on standard input and output."""
        raise NotImplementedError


class Limit(Candidate):
    """The least that can be done: a constant answer for each read."""

    def __init__(self, build):
        super().__init__("limit", "limit (epoll, constant answer)")
        self.build = build

    def http(self, workload, port, work):
        return [self.build / "bench/limit", "127.0.0.1", port,
                workload.lower()]

    def stdio(self):
        return [self.build / "bench/limit_stdio"]

    load_options = ("--sessions", "no")


class Toolpost(Candidate):
    """The server, with the plugins of its build."""

    def __init__(self, binary, plugins):
        super().__init__("toolpost", "toolpost")
        self.binary = binary
        self.plugins = plugins

    def http(self, workload, port, work):
        return [self.binary, "serve", "--reactors", "1",
                "--listen", f"127.0.0.1:{port}", "--plugins", self.plugins]

    def stdio(self):
        return [self.binary, "stdio", "--plugins", self.plugins]


class Nginx(Candidate):
    """A known web server that returns the same bytes, ids not echoed."""

    workloads = ("W1",)
    load_options = ("--sessions", "no", "--constant")

    def __init__(self):
        super().__init__("nginx", "nginx `return 200`, one worker")

    def http(self, workload, port, work):
        config = work / "nginx.conf"
        config.write_text(NGINX.format(work=work, port=port, answer=ANSWER))
        return [NGINX_AT, "-p", work, "-c", config]


class TypeScript(Candidate):
    """A server made with the official SDK, second generation."""

    share = 0.02
    least_warm = least_s = 2

    def __init__(self, folder):
        super().__init__("typescript", "TypeScript SDK v2")
        self.folder = folder

    def script(self):
        return [packages.node(self.folder), self.folder / "standin.mjs"]

    def http(self, workload, port, work):
        return [*self.script(), "http", port]

    def stdio(self):
        return [*self.script(), "stdio"]


def find_all(build, binary, plugins, clients):
    """Everybody who can be measured here, the yardstick first."""
    found = [Limit(build)]
    if binary.exists():
        found.append(Toolpost(binary, plugins))
    if NGINX_AT:
        found.append(Nginx())
    source = SOURCE.parent / "clients"
    if packages.installed(source, clients):
        packages.install(source, clients)  # its scripts may be newer
        found.append(TypeScript(clients))
    return found
