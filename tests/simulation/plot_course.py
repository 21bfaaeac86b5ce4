#!/usr/bin/env python3
"""Draws the course of a simulated engine as SVG, from the rows of `engine_simulation --course`.

    plot_course.py TITLE < course.csv > course.svg
"""
import csv
import sys

WIDTH, LEFT, RIGHT = 860, 64, 16
PANELS = [  # top, height, label
    (40, 170, "packets/s"),
    (250, 90, "level"),
    (380, 90, "step"),
]
HEIGHT = 520
INTERVAL = 0.02
LINES = [  # column, colour, meaning
    ("arrived", "#888888", "arrived"),
    ("accepted", "#1f6f3f", "accepted"),
    ("under_pressure", "#c77800", "dropped under pressure"),
    ("full_ring", "#b02020", "lost in full rings"),
]
LEVELS = ["normal", "elevated", "high", "critical"]


def path(points, colour, width=1.4, fill="none"):
    steps = " ".join(f"{'L' if i else 'M'}{x:.1f} {y:.1f}" for i, (x, y) in enumerate(points))
    return f'<path d="{steps}" fill="{fill}" stroke="{colour}" stroke-width="{width}"/>'


def text(x, y, words, anchor="start", colour="#333333", size=12):
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} fill="{colour}" font-size="{size}">{words}</text>'


def smooth(values, window=5):
    """Mean of the last rows: packets come in batches."""
    return [sum(values[max(0, i - window + 1):i + 1]) / len(values[max(0, i - window + 1):i + 1])
            for i in range(len(values))]


def main():
    rows = list(csv.DictReader(sys.stdin))
    seconds = [float(row["seconds"]) for row in rows]
    span = max(seconds[-1], 0.001)

    def x_of(second):
        return LEFT + second / span * (WIDTH - LEFT - RIGHT)

    def y_of(panel, share):
        top, height, _ = PANELS[panel]
        return top + height - share * height

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        text(LEFT, 22, sys.argv[1], size=14),
    ]
    for top, height, label in PANELS:
        out.append(f'<rect x="{LEFT}" y="{top}" width="{WIDTH - LEFT - RIGHT}" height="{height}" '
                   'fill="none" stroke="#dddddd"/>')
        out.append(text(LEFT, top - 6, label))

    rates = {
        column: smooth([float(row[column]) / INTERVAL for row in rows]) for column, _, _ in LINES
    }
    most = max(max(values) for values in rates.values()) or 1
    for column, colour, _ in LINES:
        points = [(x_of(s), y_of(0, v / most)) for s, v in zip(seconds, rates[column])]
        out.append(path(points, colour))
    out.append(text(LEFT - 6, y_of(0, 1) + 10, f"{most:,.0f}", "end"))
    out.append(text(LEFT - 6, y_of(0, 0), "0", "end"))
    at = LEFT + 90
    for _, colour, meaning in LINES:
        out.append(f'<rect x="{at}" y="26" width="10" height="3" fill="{colour}"/>')
        out.append(text(at + 14, 33, meaning, colour=colour))
        at += 30 + 7 * len(meaning)

    def stairs(panel, shares):
        points = []
        for i, share in enumerate(shares):
            if i:
                points.append((x_of(seconds[i]), y_of(panel, shares[i - 1])))
            points.append((x_of(seconds[i]), y_of(panel, share)))
        return points

    levels = [int(row["level"]) / (len(LEVELS) - 1) for row in rows]
    out.append(path(stairs(1, levels), "#284b8c"))
    for i, name in enumerate(LEVELS):
        out.append(text(LEFT - 6, y_of(1, i / (len(LEVELS) - 1)) + 4, name, "end", size=10))
    steps_most = max(int(row["steps"]) for row in rows) or 1
    out.append(path(stairs(2, [int(row["step"]) / steps_most for row in rows]), "#6b2a86"))
    out.append(text(LEFT - 6, y_of(2, 1) + 10, str(steps_most), "end"))
    out.append(text(LEFT - 6, y_of(2, 0), "0", "end"))
    for i in range(int(span) + 1):
        out.append(text(x_of(i), HEIGHT - 28, f"{i} s", "middle"))
    out.append("</svg>")
    print("\n".join(out))


main()
