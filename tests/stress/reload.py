#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A plugin is replaced under load, by rename and by copy over it, also by
files that no host should load: no call fails, none is answered by a generation
that was replaced before it was sent, and nothing grows.

Environment: TOOLPOST_BIN, TOOLPOST_RELOADS (1000; 10000 with TOOLPOST_LONG=1),
TOOLPOST_RUNNER_RELOADS (300; 10000),
TOOLPOST_SEED."""

import signal

import echoes
import stress
from stress import os, random, replace, overwrite, stamped, wait_any, wire

RELOADS = int(os.environ.get("TOOLPOST_RELOADS", stress.size(1000, 60, 10000)))
FLIPS = stress.size(300, 40, 3000)
# In the night every length, which would take a sanitizer too long.
CUTS = stress.size(150, 25, 10000 if stress.SANITIZER else 20000)
VERSIONS = stress.size(50, 10, 500)
HUP = signal.SIGHUP
RUNNER_RELOADS = int(os.environ.get("TOOLPOST_RUNNER_RELOADS",
                                    stress.size(300, 20, 10000)))
CONFIG = """plugins:
  isolation: none
  max_resident_generations: 10000
  version: {close: true}
"""
RUNNER_CONFIG = """plugins:
  isolation: process%s
  version: {grants: {threads: 4}}
""" % wire.BEST_EFFORT.replace(", ", "\n  ")
WARM, REFUSED = "plugin warm", "plugin refused"


class Stage:
    """A server with the plugin, its callers, and the current stamp."""

    def __init__(self, root, name, config, build):
        self.plugins = os.path.join(root, name)
        self.dir = os.path.join(self.plugins, "version")
        os.makedirs(self.dir)
        self.path = os.path.join(self.dir, "version.so")
        self.yaml = os.path.join(self.dir, "version.yaml")
        self.build = build  # by parity of the stamp
        self.stamp = 1
        replace(self.path, self.module(1))
        replace(self.yaml, stress.manifest().encode())
        file = os.path.join(root, name + ".conf.yaml")
        replace(file, config.encode())
        self.server = wire.Server(
            listen=("127.0.0.1:0", "line+unix:" + os.path.join(root, name + ".s")),
            plugins=(self.plugins,), config=file)
        stress.started.append(self.server.proc)
        self.load = None

    def module(self, stamp):
        return stamped(self.build[stamp & 1], stamp)

    def next(self, how, *args, by_hand=False):
        """Installs the next file; returns when it alone answers.  By hand: the
        server is told, and does not wait until the folder is quiet."""
        stamp = self.stamp + 1
        mark = self.server.mark()
        self.load.tell("ceil %d" % stamp)
        how(self.path, self.module(stamp), *args)
        if by_hand:
            self.server.kill(HUP)
        warm = self.server.wait_log(WARM, mark, stress.DEADLINE, plugin="version")
        self.load.tell("floor %d" % stamp)
        self.load.wait_seen(stamp)
        self.stamp = stamp
        return warm["generation"]

    def wait_closed(self, since, generation):
        self.server.wait_log("plugin closed", since, stress.DEADLINE,
                             plugin="version", generation=generation)


def written_in_parts(path, data, server):
    """A slow writer: what is half there is tried, refused and tried again."""
    mark = server.mark()
    with open(path, "wb", buffering=0) as f:
        f.write(data[:len(data) // 2])
        server.kill(HUP)
        server.wait_log(REFUSED, mark, stress.DEADLINE, plugin="version")
        f.write(data[len(data) // 2:])


def taken_away_and_back(path, data, server):
    mark = server.mark()
    os.unlink(path)
    server.wait_log(REFUSED, mark, stress.DEADLINE, plugin="version")
    overwrite(path, data)


def both_files(path, data, s, version):
    """The manifest and its module, which fit each other only when both are
    there: a refusal in between is allowed, a wrong answer is not."""
    replace(s.yaml, stress.manifest(version=version).encode())
    replace(path, data)


def steady(pid, fds=0):
    """Usage with the fewest descriptors seen, or no more than fds: callers
    that come and go hold one for a moment."""
    best = stress.usage(pid)
    deadline = stress.time.monotonic() + (10 if fds else 0.1)
    while best[1] > fds and stress.time.monotonic() < deadline:
        best = min(best, stress.usage(pid), key=lambda u: u[1])
    return best


def replaced(s, count, counts):
    """That many replacements; memory, descriptors, mappings of the server after
    the first tenth and at the end."""
    base = None
    before = s.server.wait_log(WARM, 0, plugin="version")["generation"]
    for n in range(count):
        how, args = (replace, overwrite)[n % 2], ()
        if n % 50 == 49:
            how, args = taken_away_and_back, (s.server,)
        elif n % 50 == 24:
            how, args = written_in_parts, (s.server,)
        # One in four is left to the watch, which takes its time.
        by_hand = not args and n % 8 < 6
        for name in [how.__name__] + ["by_hand"] * by_hand:
            counts[name] = counts.get(name, 0) + 1
        mark = s.server.mark()
        now = s.next(how, *args, by_hand=by_hand)
        if n == count // 10 or n == count - 1 or n % 100 == 99:
            s.wait_closed(mark, before)
            got = steady(s.server.pid, base[1] if base else 0)
            if n == count // 10:
                base = got
        before = now
    return base, got


def reloads(report, s, count, prefix=""):
    counts = {}
    base, got = replaced(s, count, counts)
    allowed = 1024
    if not stress.SANITIZER and got[0] - base[0] > allowed:
        # A heap that another thread has begun is no leak: that goes on.
        allowed //= 3
        base, got = replaced(s, count // 3, counts)
    report.figures[prefix + "reloads"] = counts
    report.figures[prefix + "rss_kb"] = [base[0], got[0]]
    report.figures[prefix + "descriptors"] = [base[1], got[1]]
    report.figures[prefix + "mappings"] = [base[2], got[2]]
    report.check("descriptors are as many as before", got[1] <= base[1], (base, got))
    # Heaps of threads and a sanitizer's own memory come and go.
    slack = 400 if stress.SANITIZER else 16
    report.check("mappings are flat", got[2] <= base[2] + slack, (base, got))
    report.check("memory is flat within 1 MB",
                 bool(stress.SANITIZER) or got[0] <= base[0] + allowed, (base, got))


def versions(report, s, root):
    """Manifest and module change together."""
    plain = s.build
    s.build = {n: stress.plugin_build(root, "n%d" % n, "-DVARIANT=%d" % (2 - n),
                                      '-DVERSION="1.%d.0"' % (n + 1))
               for n in (0, 1)}
    for _ in range(VERSIONS):
        s.next(both_files, s, "1.%d.0" % (((s.stamp + 1) & 1) + 1))
    s.build = plain
    s.next(both_files, s, "1.0.0")
    report.figures["versions"] = VERSIONS


def closed_all(s):
    """Every generation but the last has been unmapped."""
    at = 0
    for n in [line["generation"] for line in list(s.server.lines)
              if line.get("event") == WARM and line.get("plugin") == "version"][:-1]:
        line = s.server.wait_log("plugin closed", at, stress.DEADLINE,
                                 plugin="version", generation=n)
        at = s.server.lines.index(line, at)


def refused(s, data, reason="", way=replace, path=None, seconds=stress.DEADLINE):
    mark = s.server.mark()
    way(path or s.path, data)
    s.server.kill(HUP)
    line = wait_any(s.server, mark, (REFUSED,), seconds, reason, plugin="version")
    assert line.get("serving") == "the one before", line
    return line


def put_back(s):
    """What serves lies in the folder again: nothing is loaded."""
    mark = s.server.mark()
    replace(s.path, s.module(s.stamp))
    replace(s.yaml, stress.manifest().encode())
    s.server.kill(HUP)
    s.server.wait_log("reload", mark, stress.DEADLINE)


def bad_modules(report, s, root):
    """One defect each, over the good file."""
    good = s.module(s.stamp + 1)

    def variant(name, *flags):
        return stress.plugin_build(root, name, *flags)

    def patched(at, new):
        return good[:at] + new + good[at + len(new):]

    cases = [
        ("an empty file", b"", ""),
        ("text", b"#!/bin/sh\nexit 0\n" * 100, ""),
        ("zeros", bytes(len(good)), ""),
        ("another machine", patched(18, b"\xb7\x00"), ""),
        ("32 bits", patched(4, b"\x01"), ""),
        ("a section table outside", patched(40, b"\xff" * 7), ""),
        ("segments outside", patched(56, b"\xff\xff"), ""),
        ("another ABI", variant("abi", "-include", os.path.join(root, "abi2.h")), "ABI"),
        ("another plugin's name", variant("name", '-DNAME="versoin"'), "versoin"),
        ("an unresolved symbol", variant(
            "unresolved", "-DNAME=\"version\"", "-include",
            os.path.join(root, "unresolved.h")), "missing_function"),
        ("an executable stack", variant("stack", "-Wl,-z,execstack"), "stack"),
        ("load() that fails", variant("load", "-DLOAD_FAILS"), "load()"),
        ("a constructor that exits", variant(
            "exits", "-include", os.path.join(root, "exits.h")), ""),
        ("a constructor that crashes", variant(
            "crashes", "-include", os.path.join(root, "crashes.h")), ""),
        ("a constructor that never returns", variant(
            "hangs", "-include", os.path.join(root, "hangs.h")), ""),
    ]
    for n, (title, data, reason) in enumerate(cases):
        report.part("refused: " + title, refused, s, data, reason,
                    (replace, overwrite)[n % 2])
    put_back(s)


BAD_HEADERS = {
    "abi2.h": '#include <toolpost/abi.h>\n#undef TP_ABI_MAJOR\n#define TP_ABI_MAJOR 2\n',
    "unresolved.h": "extern void missing_function(void);\n"
                    "__attribute__((used)) static void (*const need)(void) = missing_function;\n",
    "exits.h": "#include <unistd.h>\n"
               "__attribute__((constructor)) static void begin(void) { _exit(0); }\n",
    "crashes.h": "#include <stdlib.h>\n"
                 "__attribute__((constructor)) static void begin(void) { abort(); }\n",
    "hangs.h": "#include <unistd.h>\n"
               "__attribute__((constructor)) static void begin(void) { for (;;) (void)pause(); }\n",
}


def bad_manifests(report, s):
    good = stress.manifest()
    cases = [
        ("no YAML", "plugin: [\n"),
        ("an unknown key", good + "colour: red\n"),
        ("another name", good.replace("plugin: version", "plugin: versoin")),
        ("a version that differs", good.replace("1.0.0", "1.0.1")),
        ("an entry without a function", good.replace("version_pool", "version_pol")),
        ("isolation that is not there", good + "isolation: prison\n"),
        ("a module elsewhere", good.replace("module: version.so", "module: ../version.so")),
        ("nothing", ""),
    ]
    for title, text in cases:
        report.part("refused: a manifest with " + title, refused, s,
                    text.encode(), "version.yaml", replace, s.yaml)
    put_back(s)


def cuts(report, s):
    """Every prefix of a good file is refused."""
    good = s.module(s.stamp + 1)
    lengths = sorted(random.sample(range(1, len(good)), min(CUTS, len(good) - 1)))
    for n, length in enumerate(lengths):
        refused(s, good[:length], "", (replace, overwrite)[n % 2])
    report.figures["truncations"] = len(lengths)


def pinned_flips(report, s):
    """With its hash in the manifest, a file with one bit changed is refused."""
    good = s.module(s.stamp + 1)
    pin = stress.manifest(more="sha256: %s\n" % sha256(good))
    replace(s.yaml, pin.encode())
    for _ in range(FLIPS):
        refused(s, flipped(good, random.randrange(len(good) * 8)), "sha256")
    put_back(s)
    report.figures["pinned_flips"] = FLIPS


def sha256(data):
    import hashlib
    return hashlib.sha256(data).hexdigest()


def flipped(data, bit):
    out = bytearray(data)
    out[bit // 8] ^= 1 << bit % 8
    return bytes(out)


def sections(module):
    """name -> (offset, size) of what lies in the file."""
    def number(at, size):
        return int.from_bytes(module[at:at + size], "little")

    table, each, count, names = (number(40, 8), number(58, 2), number(60, 2),
                                 number(62, 2))
    heads = [table + i * each for i in range(count)]
    strings = number(heads[names] + 24, 8)
    out = {}
    for h in heads:
        at = strings + number(h, 4)
        name = module[at:module.index(b"\0", at)].decode()
        if number(h + 4, 4) != 8:
            out[name] = (number(h + 24, 8), number(h + 32, 8))
    return out


# What the loader reads before anything runs.
JUDGED = (".dynamic", ".dynsym", ".dynstr", ".gnu.hash", ".gnu.version",
          ".gnu.version_r", ".rodata", ".hash")
# What neither a check nor a rehearsal can judge: code, and words that become
# addresses.  Only the hash protects those.
UNJUDGED = (".text", ".plt", ".plt.got", ".rela.dyn", ".rela.plt", ".data",
            ".data.rel.ro", ".got", ".got.plt", ".init", ".fini",
            ".init_array", ".fini_array")


def loose_flips(report, s, root):
    """One bit of what the loader reads, without a hash: refused or loaded,
    and nobody is hurt.  A plugin beside the one that is called, none of whose
    code runs: what a flipped import or handler does is beyond any host."""
    module = stress.plugin_build(root, "victim", '-DNAME="victim"', "-DBARE",
                                 "-nostartfiles", sanitize=False)
    table = sections(module)
    closed = [table[n] for n in UNJUDGED if n in table]
    heads = [table[n] for n in JUDGED if n in table]
    heads += [(0, 64 + 56 * module[56]), (module[40] | module[41] << 8, 64 * module[60])]
    heads = [at * 8 + bit for at, size in heads for bit in range(size * 8)]
    dir = os.path.join(s.plugins, "victim")
    os.mkdir(dir)
    replace(os.path.join(dir, "victim.yaml"), stress.manifest("victim").encode())
    outcome = {REFUSED: 0, WARM: 0}
    done = 0
    while done < FLIPS:
        bit = (random.choice(heads) if done % 2 == 0
               else random.randrange(len(module) * 8))
        if any(at <= bit // 8 < at + size for at, size in closed):
            continue
        mark = s.server.mark()
        replace(os.path.join(dir, "victim.so"),
                flipped(stamped(module, done), bit))
        s.server.kill(HUP)
        line = wait_any(s.server, mark, (REFUSED, WARM), plugin="victim")
        outcome[line["event"]] += 1
        done += 1
    report.figures["loose_flips"] = {"refused": outcome[REFUSED],
                                     "loaded": outcome[WARM]}


def under_load(report, root, build):
    s = Stage(root, "closable", CONFIG, build)
    s.load = stress.Load(os.path.join(root, "load"), s.server)
    try:
        report.part("%d replacements" % RELOADS, reloads, report, s,
                    RELOADS)
        report.part("%d new versions" % VERSIONS, versions, report, s, root)
        bad_modules(report, s, root)
        bad_manifests(report, s)
        report.part("every truncation is refused", cuts, report, s)
        report.part("one bit off the hash is refused", pinned_flips, report, s)
        report.part("one bit off what the loader reads", loose_flips, report, s,
                    root)
        report.part("a good file after the bad ones", s.next, replace)
    finally:
        figures = s.load.stop()
    report.figures.update(figures)
    report.check("no call failed", figures["failed_calls"] == 0
                 and not s.load.fails, s.load.fails[:3])
    report.part("every replaced generation was closed", closed_all, s)
    report.part("the server ends well", s.server.stop)


def in_runner(report, root, build):
    """The same with the plugin in a process of its own: the next one is ready
    before the one before is let go, and no process stays behind."""
    s = Stage(root, "runner", RUNNER_CONFIG, build)
    s.load = stress.Load(os.path.join(root, "load"), s.server)
    try:
        report.part("%d replacements of a runner" % RUNNER_RELOADS, reloads,
                    report, s, RUNNER_RELOADS, "runner_")
        for n, (title, data) in enumerate((
                ("an empty file", b""), ("text", b"#!/bin/sh\nexit 0\n" * 100),
                ("a half", s.module(s.stamp + 1)[:-5000]))):
            report.part("refused beside a runner: " + title, refused, s, data, "",
                        (replace, overwrite)[n % 2])
        report.part("a good file after those", s.next, replace)
    finally:
        figures = s.load.stop()
    report.figures["runner_calls"] = figures["calls"]
    report.check("no call failed in a runner", figures["failed_calls"] == 0
                 and not s.load.fails, s.load.fails[:3])
    report.part("every replaced runner has ended", one_child, s)
    report.part("the server with a runner ends well", s.server.stop)


def generations(s, event):
    return [line["generation"] for line in list(s.server.lines)
            if line.get("event") == event and line.get("plugin") == "version"]


def one_child(s):
    """Runners end beside each other, in any order."""
    deadline = stress.time.monotonic() + stress.DEADLINE
    while (len(echoes.children(s.server.pid)) > 1
           or set(generations(s, WARM)[:-1]) - set(generations(s, "plugin closed"))):
        assert stress.time.monotonic() < deadline, echoes.children(s.server.pid)
        stress.time.sleep(0.05)
    assert "Z" not in echoes.children(s.server.pid).values()


def resident(report, root, build):
    """Without the operator's consent old generations stay, up to a bound."""
    bound = 20
    s = Stage(root, "resident", "plugins: {isolation: none, "
              "max_resident_generations: %d}\n" % bound, build)
    s.load = stress.Load(os.path.join(root, "load"), s.server)
    try:
        _, fds, maps = steady(s.server.pid)
        for _ in range(bound):
            mark = s.server.mark()
            s.next(replace)
            s.server.wait_log("plugin resident", mark, stress.DEADLINE)
        got = steady(s.server.pid, fds)
        report.figures["maps_per_resident"] = round((got[2] - maps) / bound, 1)
        report.check("residents hold no descriptor", got[1] <= fds, (fds, got))
        report.part("beyond the bound a reload is refused", refused, s,
                    s.module(s.stamp + 1), "max_resident_generations")
    finally:
        figures = s.load.stop()
    report.check("no call failed beside residents",
                 figures["failed_calls"] == 0, s.load.fails[:3])
    report.part("the server with residents ends well", s.server.stop)


def ended_under_load(root, build):
    """SIGTERM in the middle: what is answered is answered well."""
    s = Stage(root, "ended", CONFIG, build)
    s.load = stress.Load(os.path.join(root, "load"), s.server)
    s.next(replace)
    s.load.quiet = True
    s.server.stop()
    s.load.proc.wait(stress.DEADLINE)
    s.load.reader.join(stress.DEADLINE)
    gone = (": closed:", ": Connection reset by peer:", ": send:")
    odd = [f for f in s.load.fails if f and not any(w in f for w in gone)]
    assert not odd, odd[:3]


def main():
    random.seed(stress.SEED)
    report = stress.Report("reload")
    root = stress.folder()
    try:
        stress.load_build("reload_load.c", os.path.join(root, "load"))
        for name, text in BAD_HEADERS.items():
            with open(os.path.join(root, name), "w") as f:
                f.write(text)
        build = {1: stress.plugin_build(root, "v1", "-DVARIANT=1"),
                 0: stress.plugin_build(root, "v2", "-DVARIANT=2")}
        report.part("under load", under_load, report, root, build)
        report.part("in a runner", in_runner, report, root, build)
        report.part("resident", resident, report, root, build)
        report.part("the server ends under load", ended_under_load, root, build)
    finally:
        stress.reap()
        stress.shutil.rmtree(root)
    return report.end()


if __name__ == "__main__":
    raise SystemExit(main())
