"""SVG chart of costs by the size of the ledger: a line for each measure, logarithmic x axis.

Used by `flat_cost`.
"""

import math
import statistics
from collections.abc import Mapping, Sequence

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 190, 20, 55
COLOURS = ("#0b6bcb", "#c2410c", "#15803d", "#7e22ce", "#525252")


def svg(measures: Mapping[str, Mapping[int, Sequence[float]]], *, across: str, up: str) -> str:
    """Medians joined by a line, with a bar from minimum to maximum at each size."""
    sizes = sorted({size for figures in measures.values() for size in figures})
    top = _round_up(
        max(max(values) for figures in measures.values() for values in figures.values())
    )
    low, high = math.log10(sizes[0]), math.log10(sizes[-1])

    def x(size: float) -> float:
        share = (math.log10(size) - low) / (high - low) if high > low else 0.5
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)

    parts = []
    for n in range(6):
        at = y(top * n / 5)
        parts.append(f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(_text(LEFT - 8, at + 4, f"{top * n / 5:g}", "end"))
    for size in sizes:
        parts.append(f'<path d="M{x(size):.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#eee"/>')
        parts.append(_text(x(size), HEIGHT - BOTTOM + 20, f"{size:,}", "middle"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, f"{across} (log)", "middle"))
    parts.append(f'<g transform="translate(18 {HEIGHT / 2}) rotate(-90)">')
    parts.append(_text(0, 0, up, "middle") + "</g>")
    labels: list[float] = []
    for (name, values), colour in zip(measures.items(), COLOURS, strict=False):
        points = [(x(size), y(statistics.median(values[size]))) for size in sorted(values)]
        line = " ".join(f"{across_:.1f},{up_:.1f}" for across_, up_ in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for size in values:
            least, most = y(min(values[size])), y(max(values[size]))
            span = f"M{x(size):.1f} {least:.1f}V{most:.1f}"
            parts.append(f'<path d="{span}" stroke="{colour}" stroke-opacity=".5"/>')
        at = points[-1][1] + 4
        while any(abs(at - other) < 15 for other in labels):
            at -= 1  # upwards, until it covers no other label
        labels.append(at)
        parts.append(_text(WIDTH - RIGHT + 10, at, name, "start", colour))
    size_ = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    style = 'font-family="sans-serif" font-size="12"'
    back = '<rect width="100%" height="100%" fill="#fff"/>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size_} {style}>{back}'
    return "\n".join([head, *parts, "</svg>\n"])


def _text(x: float, y: float, text: str, anchor: str, colour: str = "#333") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{text}</text>'


def _round_up(value: float) -> float:
    unit: float = 10 ** math.floor(math.log10(value))
    return next(step * unit for step in (1, 2, 2.5, 5, 10) if step * unit >= value)
