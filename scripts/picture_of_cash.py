"""Makes docs/cash.png: the demo's cash page in a browser, signed in by a development server's button.

    .venv/bin/python scripts/picture_of_cash.py http://127.0.0.1:8080

with `wattledger serve --data-dir .wattledger/demo --dev-login` running. Needs Debian's chromium.
"""

import base64
import struct
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import FloatRect, Page, sync_playwright

PICTURE = Path(__file__).parent.parent / "docs" / "cash.png"
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
_WIDTH = 1320
_COLOURS = 256
# The square of a distance between colours that nobody sees.
_NEAR = 60
# Red, green, blue and alpha of each pixel of a PNG, as base64.
_PIXELS = """async (png) => {
    const bitmap = await createImageBitmap(await (await fetch("data:image/png;base64," + png)).blob());
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
    canvas.drawImage(bitmap, 0, 0);
    const found = canvas.getImageData(0, 0, bitmap.width, bitmap.height).data;
    let text = "";
    for (let at = 0; at < found.length; at += 32768) {
        text += String.fromCharCode(...found.subarray(at, at + 32768));
    }
    return btoa(text);
}"""

Colour = tuple[int, int, int]


def take(url: str) -> None:
    """Sign in as finance and take the picture of the page, down to its foot."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": _WIDTH, "height": 900}, locale="en-GB", color_scheme="light")
        page.goto(f"{url}/login")
        page.get_by_role("button", name="finance").click()
        page.goto(f"{url}/cash")
        foot = page.locator("footer").bounding_box()
        assert foot is not None
        clip: FloatRect = {"x": 0, "y": 0, "width": _WIDTH, "height": int(foot["y"])}
        taken = page.screenshot(full_page=True, clip=clip)
        PICTURE.write_bytes(packed(_pixels(browser.new_page(), taken), _WIDTH))
        browser.close()


def packed(pixels: list[Colour], width: int) -> bytes:
    """A PNG of these pixels, row by row, in few colours: a third of what a browser writes."""
    count = Counter(pixels)
    palette = _palette(count)
    places = {
        colour: min(range(len(palette)), key=lambda place: _distance(palette[place], colour)) for colour in count
    }
    rows = [bytes(places[each] for each in pixels[at : at + width]) for at in range(0, len(pixels), width)]
    head = struct.pack(">IIBBBBB", width, len(rows), 8, 3, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    colours = bytes(part for colour in palette for part in colour)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (_chunk(b"IHDR", head), _chunk(b"PLTE", colours), _chunk(b"IDAT", data), _chunk(b"IEND", b""))
    )


def _palette(count: Counter[Colour]) -> list[Colour]:
    """The most frequent colours of those that the eye tells apart."""
    palette: list[Colour] = []
    for colour, _ in count.most_common():
        if len(palette) < _COLOURS and all(_distance(colour, other) > _NEAR for other in palette):
            palette.append(colour)
    return palette


def _pixels(page: Page, picture: bytes) -> list[Colour]:
    raw = base64.b64decode(page.evaluate(_PIXELS, base64.b64encode(picture).decode()))
    return [*_colours(raw)]


def _colours(raw: bytes) -> Iterator[Colour]:
    return zip(raw[0::4], raw[1::4], raw[2::4], strict=True)


def _distance(one: Colour, other: Colour) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


if __name__ == "__main__":
    take(sys.argv[1])
