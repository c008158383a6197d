# SPDX-License-Identifier: Apache-2.0
"""Who is measured: the yardsticks, toolpost, and the peers found here."""
import os
import shutil
import subprocess
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
ECHO_STREAM = ["--tool", "echo_stream", "--args",
               '{"message":"hello world"}',
               "--expect", "hello world"]
LARGE = ["--tool", "large", "--args", "{}", "--connections", "4"]
ECHO_POOL = ["--tool", "echo_pool", *ECHO_STREAM[2:]]
# No idle connection may end, no session either, while a run holds it; and a
# handler that a neighbour has kept from the core is not one that blocks.
CONFIG = """\
limits: {{idle_timeout: 1h, session_idle: 1h, handler_block: 0}}
plugins: {{isolation: {}, sandbox: best-effort}}
"""
MCP_GO = "mcp-time-linux-x64@0.4.0"


class Candidate:
    """Something that answers; knows its commands and its limits."""

    workloads = ("W1", "W2", "W3", "W4", "W5p", "W5l", "W6", "W8")
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

    def flags(self, workload):
        """What the load generator must know about it."""
        return []

    def change(self, server, work):
        """The program that makes its list of tools change, or None."""
        return None


def script(path, text):
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


class Limit(Candidate):
    """The least that can be done: a constant answer for each read."""

    def __init__(self, build):
        super().__init__("limit", "limit (epoll, constant answer)")
        self.build = build

    def http(self, workload, port, work):
        shape = workload.lower() if workload != "W8" else "w1"
        return [self.build / "bench/limit", "127.0.0.1", port, shape]

    def stdio(self):
        return [self.build / "bench/limit_stdio"]

    def flags(self, workload):
        if workload in ("W4", "W6"):
            return []
        return [*(ECHO_STREAM if workload == "W3" else ()), "--no-handshake"]

    def change(self, server, work):
        return script(work / "change", f"kill -HUP {server.process.pid}\n")


class Toolpost(Candidate):
    """The server, with the plugins of its build."""

    workloads = (*Candidate.workloads, "W1r", "W1p", "large", "start")

    def __init__(self, binary, plugins, build):
        super().__init__("toolpost", "toolpost")
        self.binary = binary
        self.plugins = plugins
        self.more = build / "bench/plugins"
        self.copied = build / "bench/copied"

    def many(self, port, work, folder, isolation):
        """The command that serves the plugins of this folder alone."""
        (work / "toolpost.yaml").write_text(CONFIG.format(isolation))
        return [self.binary, "serve", "--reactors", "1",
                "--config", work / "toolpost.yaml",
                "--listen", f"127.0.0.1:{port}", "--plugins", folder]

    def http(self, workload, port, work):
        (work / "toolpost.yaml").write_text(CONFIG.format(
            "process" if workload == "W1r" else "none"))
        command = [self.binary, "serve", "--reactors", "1",
                   "--config", work / "toolpost.yaml",
                   "--listen", f"127.0.0.1:{port}"]
        if workload != "W6":
            return [*command, "--plugins", self.plugins,
                    "--plugins", self.more]
        # One plugin, whose manifest the run may change.
        shutil.copytree(Path(self.more) / "stream", work / "plugins/stream")
        return [*command, "--plugins", work / "plugins"]

    def stdio(self):
        config = self.more.parent / "stdio.yaml"
        config.write_text(CONFIG.format("none"))
        return [self.binary, "stdio", "--config", config,
                "--plugins", self.plugins]

    def flags(self, workload):
        return {"W3": ECHO_STREAM, "W1p": ECHO_POOL,
                "large": LARGE}.get(workload, [])

    def change(self, server, work):
        manifest = work / "plugins/stream/stream.yaml"
        return script(
            work / "change",
            f"/bin/sed 's/after one/after one more/' {manifest} "
            f">{work}/new\n/bin/mv {work}/new {manifest}\n"
            f"kill -HUP {server.process.pid}\n")


class Nginx(Candidate):
    """A known web server that returns the same bytes, ids not echoed."""

    workloads = ("W1",)

    def __init__(self):
        super().__init__("nginx", "nginx `return 200`, one worker")

    def http(self, workload, port, work):
        config = work / "nginx.conf"
        config.write_text(NGINX.format(work=work, port=port, answer=ANSWER))
        return [NGINX_AT, "-p", work, "-c", config]

    def flags(self, workload):
        return ["--no-handshake", "--any-id"]


class TypeScript(Candidate):
    """A server made with the official SDK, second generation.  Its streams
    are timed by nobody here, and it holds no 10,000 connections."""

    workloads = ("W1", "W2", "W3", "W4", "W5p", "W5l")
    share = 0.02
    least_warm = least_s = 2

    def __init__(self, folder):
        super().__init__("typescript", "TypeScript SDK v2")
        self.folder = folder

    def script(self):
        return [packages.node(self.folder), self.folder / "standin.mjs"]

    def http(self, workload, port, work):
        events = ["events"] if workload == "W3" else []
        return [*self.script(), "http", port, *events]

    def stdio(self):
        return [*self.script(), "stdio"]


class McpGo(Candidate):
    """mcp-time, an application made with mcp-go; its answers hold the time,
    so no text is expected."""

    workloads = ("W1", "W4", "W5p", "W5l")
    share = 0.02
    least_warm = least_s = 2

    def __init__(self, binary):
        super().__init__("mcp-go", "mcp-go 0.33 (mcp-time)")
        self.binary = binary

    def http(self, workload, port, work):
        return [self.binary, "-t", "stream", "--address",
                f"http://127.0.0.1:{port}/mcp"]

    def stdio(self):
        return [self.binary]

    def flags(self, workload):
        return ["--tool", "current_time"]


def install(root):
    """Fetches the peers that npm has; without npm there are none."""
    if shutil.which("npm") is None:
        return
    try:
        packages.install(root / "tests/clients", root / "build/clients")
        peers = root / "build/peers"
        if not go_binary(root).exists():
            peers.mkdir(parents=True, exist_ok=True)
            subprocess.run(["npm", "install", "--ignore-scripts",
                            "--no-audit", "--no-fund", "--no-save",
                            "--loglevel=error", MCP_GO],
                           cwd=peers, check=True, stdout=sys.stderr)
    except subprocess.CalledProcessError as error:
        print(f"bench: a peer cannot be installed: {error}", file=sys.stderr)


def go_binary(root):
    return (root / "build/peers/node_modules/mcp-time-linux-x64/bin/mcp-time")


def find_all(root, build, binary, plugins):
    """Everybody who can be measured here, the yardstick first."""
    found = [Limit(build)]
    if binary.exists():
        found.append(Toolpost(binary, plugins, build))
    if NGINX_AT:
        found.append(Nginx())
    if go_binary(root).exists():
        found.append(McpGo(go_binary(root)))
    clients = root / "build/clients"
    source = SOURCE.parent / "clients"
    if packages.installed(source, clients):
        packages.install(source, clients)  # its scripts may be newer
        found.append(TypeScript(clients))
    return found
