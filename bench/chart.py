"""The results as a drawing: one panel of bars for each figure that a target speaks of. Pure."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from bench.peers import DIRECT, RELAYED, REVERSE, SSHD
from bench.results import ROWS, Row, Samples

COLOURS = {SSHD: "#8b949e", REVERSE: "#c69026", DIRECT: "#2f81f7", RELAYED: "#8957e5"}
"""Told apart by lightness too, and readable on a white as on a black page."""

TEXT_COLOUR = "#7d8590"
FONT = "system-ui, sans-serif"

# All in pixels.
PANEL_WIDTH, COLUMNS, MARGIN = 400, 2, 16
TITLE_HEIGHT, BAR_HEIGHT, BAR_GAP, PANEL_GAP = 22, 16, 4, 22
NAME_WIDTH, VALUE_WIDTH = 132, 56


def draw(samples: Samples, peers: Sequence[str]) -> str:
    """Draw the whole SVG document."""
    rows = [row for row in ROWS if row.target and any(samples.percentile(row.figure, peer) for peer in peers)]
    panel_height = TITLE_HEIGHT + len(peers) * (BAR_HEIGHT + BAR_GAP) + PANEL_GAP
    width = MARGIN + COLUMNS * (PANEL_WIDTH + MARGIN)
    height = MARGIN + -(-len(rows) // COLUMNS) * panel_height
    panels = [
        f'<g transform="translate({MARGIN + index % COLUMNS * (PANEL_WIDTH + MARGIN)},'
        f'{MARGIN + index // COLUMNS * panel_height})">\n{_panel(row, samples, peers)}\n</g>'
        for index, row in enumerate(rows)
    ]
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    style = f'font-family="{FONT}" font-size="12" fill="{TEXT_COLOUR}"'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>', *panels, "</svg>\n"])


def _panel(row: Row, samples: Samples, peers: Sequence[str]) -> str:
    values = {peer: samples.percentile(row.figure, peer) for peer in peers}
    longest = max(value for value in values.values() if value is not None)
    better = "more is better" if row.unit == "MB/s" else "less is better"
    lines = [f'<text y="12" font-weight="600">{escape(row.label)}, {row.unit} ({better})</text>']
    for index, peer in enumerate(peers):
        top = TITLE_HEIGHT + index * (BAR_HEIGHT + BAR_GAP)
        baseline = top + BAR_HEIGHT - 4
        lines.append(f'<text x="{NAME_WIDTH - 6}" y="{baseline}" text-anchor="end">{escape(peer)}</text>')
        value = values[peer]
        if value is None:
            lines.append(f'<text x="{NAME_WIDTH}" y="{baseline}">-</text>')
            continue
        length = round((PANEL_WIDTH - NAME_WIDTH - VALUE_WIDTH) * value / longest, 1) if longest else 0
        box = f'x="{NAME_WIDTH}" y="{top}" width="{length}" height="{BAR_HEIGHT}" rx="2"'
        lines.append(f'<rect {box} fill="{COLOURS[peer]}"/>')
        lines.append(f'<text x="{NAME_WIDTH + length + 6}" y="{baseline}">{value:.{row.places}f}</text>')
    return "\n".join(lines)
