# SPDX-License-Identifier: Apache-2.0
"""What toolpost's figures should be: must, goal, and which is reached."""
import statistics

SESSION_ROW, TOOL_ROW = "session, 100,000 keys", "tool, 200 names"


class Seen:
    """Where figures come from: samples, look-ups, the start."""

    def __init__(self, samples, env):
        self.samples = samples
        self.env = env

    def rounds(self, workload, name):
        return self.samples.get(workload, {}).get(name, [])

    def own(self, workload, key):
        rounds = self.rounds(workload, "toolpost")
        values = [s[key] for s in rounds if key in s]
        return statistics.median(values) if values else None

    def against(self, workload, key, name, other=None):
        """The median of the ratios inside each round."""
        pairs = [(a[key], b[key]) for a, b in zip(
            self.rounds(workload, "toolpost"),
            self.rounds(other or workload, name)) if b.get(key)]
        return statistics.median(a / b for a, b in pairs) if pairs else None

    def lookup(self, row, column):
        """A figure of W7's table, in ns."""
        table = [[c.strip() for c in line.strip("| ").split("|")]
                 for line in self.env.get("lookups", "").splitlines()
                 if line.startswith("|")]
        for cells in table[2:]:
            if cells[0].startswith(row) and column in table[0]:
                return float(cells[table[0].index(column)])
        return None

    def ready(self, key):
        return (self.env.get("ready") or {}).get(key)


def cpu(workload, must, goal):
    return (workload, "CPU against the limit",
            lambda s: s.against(workload, "cpu_per_100k", "limit"),
            must, goal)


def peer(workload, what, name, must, goal, key="rate"):
    return (workload, what,
            lambda s: s.against(workload, key, name), must, goal, True)


def own(workload, what, key, must, goal, more=False):
    return workload, what, lambda s: s.own(workload, key), must, goal, more


def seek(what, row, column, must, goal):
    return "W7", what, lambda s: s.lookup(row, column), must, goal


# workload, figure, where it comes from, must, goal (None: there is none),
# whether more is better
GOALS = (
    cpu("W1", 1.5, 1.25),
    ("W1", "CPU against nginx",
     lambda s: s.against("W1", "cpu_per_100k", "nginx"), 1.2, 1.0),
    peer("W1", "req/s against mcp-go", "mcp-go", 2, 3),
    peer("W1", "req/s against TypeScript", "typescript", 20, 25),
    ("W1", "p99 against the limit",
     lambda s: s.against("W1", "p99_us", "limit"), 3, 1.5),
    own("W1r", "CPU against W1", "cost", 1.67, 1.4),
    own("W1r", "us more for one connection, p50", "added_us", 15, 8),
    own("W1p", "CPU against W1", "cost", 2.5, 1.7),
    cpu("W2", 1.7, 1.4),
    peer("W2", "req/s against TypeScript", "typescript", 60, 100),
    cpu("W3", 1.6, 1.3),
    ("W3", "CPU against W1",
     lambda s: s.against("W3", "cpu_per_100k", "toolpost", "W1"), 1.3, 1.1),
    cpu("W4", 2.5, 1.8),
    peer("W4", "cycles/s against mcp-go", "mcp-go", None, None),
    peer("W4", "cycles/s against TypeScript", "typescript", 15, 25),
    own("W4", "cycles/s", "cycle_rate", None, 15000, True),
    peer("W5p", "messages/s against the limit", "limit", 0.25, 0.4),
    peer("W5p", "messages/s against mcp-go", "mcp-go", None, None),
    peer("W5p", "messages/s against TypeScript", "typescript", 15, 30),
    ("W5l", "p50 against the limit",
     lambda s: s.against("W5l", "p50_us", "limit"), 2, 1.3),
    own("W6", "user kB each", "user_kb_each", 2.0, 0.5),
    ("W6", "us a stream against the limit",
     lambda s: s.against("W6", "us_stream", "limit"), 2, 1.2),
    ("W6", "change to last stream against the limit",
     lambda s: s.against("W6", "last_ms", "limit"), 3, 1.5),
    seek("ns, session of 100,000, p50", SESSION_ROW, "p50 ns", 800, 500),
    seek("ns, session of 100,000, p99", SESSION_ROW, "p99 ns", 1500, 1000),
    seek("ns, session of 100,000, p99.99", SESSION_ROW, "p99.99 ns",
         100000, 50000),
    seek("ns, tool of 200, p50", TOOL_ROW, "p50 ns", 60, 40),
    seek("ns, tool of 200, p99", TOOL_ROW, "p99 ns", 200, 120),
    own("W8", "user kB each", "user_kb_each", 2.0, 0.5),
    own("W8", "rate against that of nothing held", "held_share",
        0.7, 0.85, True),
    own("W8", "us, p99 meanwhile", "p99_us", None, 5000),
    own("start", "ms, 200 plugins, the slower isolation", "worst_ms",
        2000, 1000),
    own("start", "kB that an idle runner has alone", "runner_kb",
        2048, 1024),
    ("ready", "ms to the first answer", lambda s: s.ready("ready_ms"),
     50, 20),
    ("ready", "MB of the program, stripped", lambda s: s.ready("size_mb"),
     None, 2),
    ("ready", "MB resident, idle", lambda s: s.ready("rss_mb"), None, 6),
)


def verdict(value, must, goal, more=False):
    """A row without a must is a goal alone, one without both is told only."""
    def meets(bound):
        return value >= bound if more else value <= bound

    if goal is None:
        return "-"
    if meets(goal):
        return "goal"
    if must is None:
        return "not the goal"
    return "must" if meets(must) else "missed"


def bound(value):
    return "-" if value is None else f"{value:,}"


def lines(samples, env):
    """toolpost's figures against what they should be, as Markdown."""
    seen = Seen(samples, env)
    out = ["| workload | figure | measured | must | goal | reached |",
           "|---|---|--:|--:|--:|---|"]
    for workload, what, value_of, must, goal, *more in GOALS:
        value = value_of(seen)
        if value is None:
            continue
        digits = 0 if abs(value) >= 100 else 2
        out.append(f"| {workload} | {what} | {value:,.{digits}f} "
                   f"| {bound(must)} | {bound(goal)} "
                   f"| {verdict(value, must, goal, *more)} |")
    return out
