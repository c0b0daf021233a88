#!/usr/bin/env python3
"""Writes the output of a command, with its colours, as an HTML page, and prints the height of the page in pixels.

Usage: ansi_page.py COMMAND_LINE OUTPUT_OF_COMMAND PAGE
"""

import html
import re
import sys

COLOURS = {30: "#555", 31: "#e5534b", 32: "#57ab5a", 33: "#c69026", 34: "#539bf5", 35: "#b083f0", 36: "#39c5cf", 37: "#ddd"}
LINE_HEIGHT = 18
PADDING = 16


def style(codes):
    """Returns the CSS of the codes that are in force."""
    rules = []
    for code in codes:
        if code == 1:
            rules.append("font-weight:bold")
        elif code == 2:
            rules.append("opacity:.65")
        elif code == 4:
            rules.append("text-decoration:underline")
        elif code % 10 < 8 and code // 10 in (3, 9):
            rules.append(f"color:{COLOURS[30 + code % 10]}")
    return ";".join(rules)


def spans(text):
    """Returns the HTML of text with SGR sequences; links and other sequences are left out."""
    text = re.sub(r"\x1b\][^\x07\x1b]*(\x07|\x1b\\)", "", text)
    codes, page = [], []
    for part in re.split(r"(\x1b\[[0-9;]*[A-Za-z])", text):
        sequence = re.fullmatch(r"\x1b\[([0-9;]*)m", part)
        if sequence:
            for code in (int(code or 0) for code in sequence[1].split(";")):
                codes = [] if code == 0 else codes + [code]
        elif part and not part.startswith("\x1b"):
            page.append(f'<span style="{style(codes)}">{html.escape(part)}</span>')
    return "".join(page)


def main():
    command, source, target = sys.argv[1:]
    with open(source, encoding="utf-8") as file:
        text = file.read()
    with open(target, "w", encoding="utf-8") as file:
        file.write(
            f"<!doctype html><meta charset=utf-8><style>body{{margin:0;background:#1c2128;color:#cdd9e5}}"
            f"pre{{margin:0;padding:{PADDING}px;font:14px/{LINE_HEIGHT}px 'DejaVu Sans Mono',monospace}}</style>"
            f"<pre><b>{html.escape(command)}</b>\n{spans(text)}</pre>"
        )
    print((text.count("\n") + 1) * LINE_HEIGHT + 2 * PADDING)


if __name__ == "__main__":
    main()
