# SPDX-License-Identifier: Apache-2.0
import os
import shutil
import signal

import pytest

import mcp_wire as w
from mcp_schema import ORACLE

os.umask(0o022)
# A shell ignores it for what it has put into the background.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure():
    """Where the gate runs, nothing goes unchecked."""
    if os.environ.get("CI") == "true" and not ORACLE.is_there():
        pytest.exit("no schemas to hold messages against: ./dev deps", 1)


def pytest_terminal_summary(terminalreporter):
    if not ORACLE.is_there():
        terminalreporter.write_line(
            "SKIP schemas: no message was held against one (./dev deps)")
        return
    terminalreporter.write_line(
        "%d messages of the server are what their revision defines"
        " (%d definitions; %d of them have no definition of their own)"
        % (ORACLE.judged, len(ORACLE.seen), ORACLE.loose))


@pytest.fixture(scope="session")
def fixture_plugins(tmp_path_factory):
    """A folder with the plugin fx, made of fixture.c."""
    folder = tmp_path_factory.mktemp("plugins")
    fx = folder / "fx"
    fx.mkdir()
    with open(os.path.join(w.HERE, "fixture.c")) as f:
        w.compile_plugin(f.read(), fx / "fx.so")
    shutil.copy(os.path.join(w.HERE, "fixture.yaml"), fx / "fx.yaml")
    os.chmod(fx / "fx.yaml", 0o644)
    return str(folder)


@pytest.fixture(scope="session")
def hostile_plugins(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    here = os.path.join(w.ROOT, "tests/plugins")
    (folder / "hostile").mkdir()
    with open(os.path.join(here, "hostile.c")) as f:
        w.compile_plugin(f.read(), folder / "hostile/hostile.so", "-pthread",
                         "-Wl,-z,now")
    shutil.copy(os.path.join(here, "hostile.yaml"), folder / "hostile/hostile.yaml")
    os.chmod(folder / "hostile/hostile.yaml", 0o644)
    return str(folder)


class Starter:
    """Starts servers and, at the end, checks that each ended well."""

    def __init__(self, folder):
        self.folder = folder
        self.running = []
        self.count = 0

    def path(self, name):
        return os.path.join(str(self.folder), name)

    def config(self, text):
        self.count += 1
        path = self.path("config%d.yaml" % self.count)
        with open(path, "w") as f:
            f.write(text)
        return path

    def serve(self, config="", allow_errors=False, **more):
        config += "\n"
        if "drain:" not in config:
            config += "drain: 5s\n"
        if "reactors:" not in config:
            config += "reactors: 2\n"
        if "workers:" not in config:
            config += "workers: 16\n"
        if "plugins:" not in config:
            config += w.plugins_setting()
        elif "isolation:" not in config:
            config = config.replace("plugins: {", "plugins: {isolation: %s%s, "
                                    % (w.ISOLATION, w.BEST_EFFORT))
        s = w.Server(config=self.config(config), **more)
        self.running.append((s, allow_errors))
        return s

    def stdio(self, **more):
        s = w.Stdio(**more)
        self.running.append((s, False))
        return s

    def finish(self):
        faults = []
        for s, allow in self.running:
            try:
                if isinstance(s, w.Stdio):
                    s.end()
                s.stop(allow_errors=allow)
            except AssertionError as e:
                faults.append(str(e))
        assert not faults, "\n\n".join(faults)


@pytest.fixture
def start(tmp_path):
    s = Starter(tmp_path)
    yield s
    s.finish()


@pytest.fixture(scope="module")
def module_start(tmp_path_factory):
    s = Starter(tmp_path_factory.mktemp("server"))
    yield s
    s.finish()


@pytest.fixture(scope="module")
def server(module_start, fixture_plugins):
    """One server for a module: HTTP, and lines on both kinds of socket."""
    return module_start.serve(
        listen=("127.0.0.1:0", "line+tcp:127.0.0.1:0",
                "line+unix:" + module_start.path("line.sock")),
        plugins=(w.PLUGINS, fixture_plugins))


@pytest.fixture
def conn(server):
    with w.Http(server.http) as c:
        yield c


@pytest.fixture
def modern(server):
    m = w.Modern(server)
    yield m
    m.close()


@pytest.fixture(params=w.STATEFUL)
def legacy(server, request):
    """A session of each stateful revision."""
    s = w.Legacy(server, request.param)
    yield s
    s.close()


@pytest.fixture
def session(server):
    """A session of the newest stateful revision."""
    s = w.Legacy(server)
    yield s
    s.close()


@pytest.fixture(params=w.REVISIONS)
def client(server, request):
    """A client of each revision."""
    c = (w.Modern(server) if request.param == w.R5
         else w.Legacy(server, request.param))
    yield c
    c.close()


@pytest.fixture
def gate(tmp_path):
    g = w.Gate(tmp_path)
    yield g
    g.close()
