#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The runners of three plugins of six are killed again and again under load,
each beside the others, also before they are ready: no call of the others fails,
each lost one has an error that says what happened, none begins twice, and
nothing grows (R-10).

Environment: TOOLPOST_BIN, TOOLPOST_KILLS (1000; 100,000 with TOOLPOST_LONG=1)."""

import echoes
import stress
from stress import os

KILLS = int(os.environ.get("TOOLPOST_KILLS", stress.size(1000, 100, 100000)))
ROUND = 10000  # the log of one is read and dropped
QUIET = min(stress.size(10000, 1000, 100000), KILLS * 10)
PLUGINS, VICTIMS, CONNECTIONS = 6, 3, 48
GROWTH_KB = 1024
CONFIG = """  echo%d:
    restart: {intensity: 0, pause: 0s, longest_pause: 0s}
    grants: {write: [%s]}
    config: {journal: %s/journal}
"""


def repeated(journal):
    """How many calls have begun twice; forgets them all."""
    with open(journal) as f:
        begun = f.read().splitlines()
    os.truncate(journal, 0)
    return len(begun) - len(set(begun))


def called(program, s, journal, kills, quiet):
    callers = echoes.start(program, s, CONNECTIONS, PLUGINS, VICTIMS, kills,
                           quiet)
    fails, figures = echoes.ended(callers)
    figures["repeated"] = repeated(journal)
    fails += [repr(x) for x in s.lines if x.get("event") == "runner died"
              and not x["reason"].endswith("killed by signal 9 (Killed)")]
    s.check_log()
    with s.cond:
        del s.lines[:]
    return fails, figures


def storm(program, s, journal):
    """All kills: failures, and the sum of the figures, or the worst."""
    fails, sum = [], {}
    for left in range(KILLS, 0, -ROUND):
        more, figures = called(program, s, journal, min(left, ROUND), QUIET)
        fails += more
        for name, value in figures.items():
            old = sum.get(name, 0)
            sum[name] = max(old, value) if name.endswith("_us") else old + value
    return fails, sum


def kills(report, s, program, journal):
    # What is made once is made, heaps of threads among it.
    fails, _ = called(program, s, journal, max(KILLS // 10, 20), 0)
    report.check("no call failed at first", not fails, fails[:3])
    before = echoes.Held(s.pid)
    fails, figures = storm(program, s, journal)
    # How long the error of a lost call took, from the kill on.
    below = "late_below_us_"
    figures["lateness_us"] = [[int(name[len(below):]), figures.pop(name)] for name
                              in sorted(figures, key=len) if name.startswith(below)]
    figures["kills_per_s"] = round(1000 * KILLS / max(figures["killing_ms"], 1))
    report.figures.update(figures)
    report.check("no call failed but in runners that were killed", not fails,
                 fails[:3])
    report.check("%d runners were killed" % KILLS, figures["kills"] == KILLS,
                 figures)
    report.check("some before they were ready, some with calls in them",
                 figures["early"] > 0 and figures["lost"] > 0, figures)
    report.check("no call has begun twice", figures["repeated"] == 0, figures)
    report.check("most were told before the next life had answered",
                 figures["overtaken"] <= figures["lost"] / 2, figures)
    # Its error comes with the end of the process, not at its deadline (30 s).
    report.check("no lost call waited for its deadline",
                 figures["worst_lost_us"] < 25e6, figures)
    report.part("nothing has grown", echoes.come_back, s.pid, before, GROWTH_KB,
                report.figures)


def main():
    report = stress.Report("kills")
    root = stress.folder()
    try:
        program = echoes.program(root)
        s = echoes.server(root, PLUGINS, "".join(
            CONFIG % (n, root, root) for n in range(1, VICTIMS + 1)))
        kills(report, s, program, os.path.join(root, "journal"))
        report.part("the server ends well", s.stop)
    finally:
        stress.reap()
        stress.shutil.rmtree(root)
    return report.end()


if __name__ == "__main__":
    raise SystemExit(main())
