# SPDX-License-Identifier: Apache-2.0
"""A line plot as SVG: axes, a legend, nothing else."""
import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 160, 44, 50
COLOURS = ["#1f6feb", "#d1495b", "#2a9d5c", "#8a5cd1", "#c77700"]
HEAD = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} '
        f'{HEIGHT}" font-family="sans-serif" font-size="12">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n')


class Axis:
    """From values to places: linear from 0, or logarithmic."""

    def __init__(self, values, start, end, log=False):
        self.start, self.end, self.log = start, end, log
        top = max(values)
        if log:
            self.low = 10 ** math.floor(math.log10(min(values)))
            self.high = 10 ** math.ceil(math.log10(top))
        else:
            self.low, self.high = 0, self.round_up(top)

    @staticmethod
    def round_up(value):
        scale = 10 ** math.floor(math.log10(value)) if value > 0 else 1
        return next(s * scale for s in (1, 2, 2.5, 5, 10)
                    if s * scale >= value)

    def ticks(self):
        if not self.log:
            return [self.high * k / 5 for k in range(6)]
        ticks, at = [], self.low
        while at <= self.high * 1.001:
            ticks.append(at)
            at *= 10
        return ticks

    def place(self, value):
        if self.log:
            part = (math.log10(value / self.low)
                    / math.log10(self.high / self.low))
        else:
            part = value / self.high
        return self.start + part * (self.end - self.start)


def label(value):
    if value >= 1000:
        return f"{value / 1000:g}K"
    return f"{value:g}"


def text(x, y, words, **attributes):
    more = "".join(f' {k.replace("_", "-")}="{v}"'
                   for k, v in attributes.items())
    return f'<text x="{x:.1f}" y="{y:.1f}"{more}>{escape(words)}</text>\n'


def grid(x, y, x_title, y_title):
    out = ""
    for tick in x.ticks():
        at = x.place(tick)
        out += (f'<line x1="{at:.1f}" y1="{TOP}" x2="{at:.1f}" '
                f'y2="{HEIGHT - BOTTOM}" stroke="#e4e4e4"/>\n')
        out += text(at, HEIGHT - BOTTOM + 18, label(tick),
                    text_anchor="middle")
    for tick in y.ticks():
        at = y.place(tick)
        out += (f'<line x1="{LEFT}" y1="{at:.1f}" x2="{WIDTH - RIGHT}" '
                f'y2="{at:.1f}" stroke="#e4e4e4"/>\n')
        out += text(LEFT - 8, at + 4, label(tick), text_anchor="end")
    out += text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, x_title,
                text_anchor="middle")
    middle = (TOP + HEIGHT - BOTTOM) / 2
    out += text(16, middle, y_title, text_anchor="middle",
                transform=f"rotate(-90 16 {middle:.1f})")
    return out


def svg(title, x_title, y_title, series, log=False):
    """series: name -> [(x, y)]; a name that ends with p99 has its line dashed
    and the colour of the one before it."""
    points = [p for line in series.values() for p in line]
    x = Axis([p[0] for p in points], LEFT, WIDTH - RIGHT, log)
    y = Axis([p[1] for p in points], HEIGHT - BOTTOM, TOP, log)
    out = HEAD + text(LEFT, 22, title, font_size=15, font_weight="bold")
    out += grid(x, y, x_title, y_title)
    for number, (name, line) in enumerate(series.items()):
        colour = COLOURS[number // 2 % len(COLOURS)] if any(
            n.endswith("p99") for n in series) else COLOURS[
                number % len(COLOURS)]
        dash = ' stroke-dasharray="6 4"' if name.endswith("p99") else ""
        path = " ".join(f"{x.place(a):.1f},{y.place(b):.1f}"
                        for a, b in line)
        out += (f'<polyline points="{path}" fill="none" stroke="{colour}" '
                f'stroke-width="2"{dash}/>\n')
        for a, b in line:
            out += (f'<circle cx="{x.place(a):.1f}" cy="{y.place(b):.1f}" '
                    f'r="3" fill="{colour}"/>\n')
        at = TOP + 16 + 18 * number
        side = WIDTH - RIGHT + 14
        out += (f'<line x1="{side}" y1="{at - 4}" x2="{side + 28}" '
                f'y2="{at - 4}" stroke="{colour}" stroke-width="2"{dash}/>\n')
        out += text(side + 34, at, name)
    return out + "</svg>\n"
