#!/usr/bin/env python3
"""Makes the pictures of commands in this folder: runs codex in a real terminal (tmux) and draws what the screen shows as SVG. Those of
conversations come from journeys.py.

    cargo build -p codex-cli && python3 docs/images/make.py

Needs tmux and git. Nothing is retouched; only the temporary folder's name is fixed so that the pictures do not change from run to run.
"""

import html
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODEX = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "codex"
COLOURS = ["#484f58", "#ff7b72", "#3fb950", "#d29922", "#58a6ff", "#bc8cff", "#39c5cf", "#b1bac4"]
WIDTH, FONT, LINE = 122, 8.43, 18


def screen(command: str, lines: int, folder: Path) -> list[str]:
    """The terminal's lines, with colour codes, after `command` has ended."""
    session = f"codex-picture-{os.getpid()}"
    done = folder / "done"
    script = folder / "run.sh"
    script.write_text(f"cd {folder}\nexport HOME={folder} PATH={CODEX.parent}:$PATH TERM=xterm-256color\nclear\n{command}\ntouch {done}\nsleep 60\n")
    done.unlink(missing_ok=True)
    subprocess.run(["tmux", "new-session", "-d", "-s", session, "-x", str(WIDTH), "-y", str(lines), f"sh {script}"], check=True)
    try:
        deadline = time.monotonic() + 60
        while not done.exists():
            if time.monotonic() > deadline:
                raise SystemExit(f"{command!r} did not end within a minute")
            time.sleep(0.1)
        time.sleep(0.2)
        taken = subprocess.run(["tmux", "capture-pane", "-e", "-p", "-S", "-200", "-t", session], check=True, capture_output=True, text=True)
    finally:
        subprocess.run(["tmux", "kill-session", "-t", session], check=False)
    return taken.stdout.rstrip("\n").split("\n")


def indexed(number: int) -> str:
    """A colour of the 256 that terminals know by number."""
    if number < 16:
        return COLOURS[number % 8]
    if number >= 232:
        return "#" + f"{8 + 10 * (number - 232):02x}" * 3
    levels = [0, 95, 135, 175, 215, 255]
    cube = number - 16
    return "#" + "".join(f"{levels[part]:02x}" for part in (cube // 36, cube // 6 % 6, cube % 6))


class Style:
    """What holds for the text that follows; the terminal carries it over line ends."""

    def __init__(self) -> None:
        self.colour, self.behind, self.bold, self.dim, self.italic = None, None, False, False, False

    def take(self, codes: str) -> None:
        numbers = [int(part or 0) for part in codes.split(";")]
        while numbers:
            number = numbers.pop(0)
            if number in (38, 48):
                colour = indexed(numbers[1]) if numbers[0] == 5 else "#%02x%02x%02x" % tuple(numbers[1:4])
                del numbers[: 2 if numbers[0] == 5 else 4]
                if number == 38:
                    self.colour = colour
                else:
                    self.behind = colour
            elif number == 0:
                self.__init__()
            elif number == 1:
                self.bold = True
            elif number == 2:
                self.dim = True
            elif number == 3:
                self.italic = True
            elif 30 <= number <= 37 or 90 <= number <= 97:
                self.colour = COLOURS[number % 10]
            elif number == 39:
                self.colour = None
            elif number == 49:
                self.behind = None

    def attributes(self) -> str:
        parts = [f'fill="{self.colour}"' if self.colour else "", 'font-weight="bold"' if self.bold else ""]
        parts += ['opacity="0.65"' if self.dim else "", 'font-style="italic"' if self.italic else ""]
        return "".join(" " + part for part in parts if part)


def spans(line: str, style: Style):
    """Pieces of a line with the attributes that hold for them."""
    for piece in re.split(r"(\x1b\[[0-9;]*m)", line):
        code = re.fullmatch(r"\x1b\[([0-9;]*)m", piece)
        if code:
            style.take(code.group(1))
        elif piece:
            yield piece, style.behind, style.attributes()


def svg(lines: list[str], title: str, columns: int = WIDTH) -> str:
    width, height = int(columns * FONT) + 40, len(lines) * LINE + 64
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        f"<title>{html.escape(title)}</title>",
        f'<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>',
        *(f'<circle cx="{24 + 18 * i}" cy="20" r="6" fill="{c}"/>' for i, c in enumerate(["#ff5f56", "#ffbd2e", "#27c93f"])),
        '<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14" fill="#e6edf3" xml:space="preserve">',
    ]
    style = Style()
    for number, line in enumerate(lines):
        y, column = 56 + number * LINE, 0
        for text, behind, attributes in spans(line, style):
            if behind:
                box = f'x="{20 + column * FONT:.2f}" y="{y - LINE + 5}" width="{len(text) * FONT:.2f}" height="{LINE}"'
                out.append(f'<rect {box} fill="{behind}"/>')
            if text.strip():
                place = f'x="{20 + column * FONT:.2f}" y="{y}" textLength="{len(text) * FONT:.2f}"'
                out.append(f"<text {place}{attributes}>{html.escape(text)}</text>")
            column += len(text)
    return "\n".join([*out, "</g>", "</svg>", ""])


def fixed(lines: list[str], folder: Path) -> list[str]:
    ids = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
    return [ids.sub("019f2c8e-5d1a-7c3b-9e10-4f6b2a7d8c90", line.replace(str(folder), "~")) for line in lines]


def main() -> None:
    base = Path(tempfile.mkdtemp(prefix="p"))
    try:
        demo = fixed(screen("codex demo greet", 100, base), base)
        while demo and not demo[-1].strip():
            demo.pop()
        (ROOT / "docs/images/demo.svg").write_text(svg(demo, "codex demo in a terminal"))
        json = "cd greet && git checkout -q . && codex exec --json -c model_provider=scripted -s workspace-write 'mend the test' | cut -c1-120"
        (ROOT / "docs/images/json.svg").write_text(svg(fixed(screen(json, 40, base), base), "codex exec --json in a terminal"))
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    main()
