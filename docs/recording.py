"""Records a page as an animated GIF: real frames, each shown as long as the page showed it."""

from __future__ import annotations

import base64
import io
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page

SHORTEST = 0.4  # seconds; more frames make a larger file, and nobody sees them
COLOURS = 128
DITHER = Image.Dither.NONE  # dithering would change pixels that stayed the same
Frames = list[tuple[float, bytes]]  # when each appeared, in seconds, and its PNG


@contextmanager
def recorded(page: Page, path: Path) -> Iterator[None]:
    """Writes what the page shows within the block to `path`."""
    frames: Frames = []
    devtools = page.context.new_cdp_session(page)

    def take(event: dict[str, Any]) -> None:
        frames.append((event["metadata"]["timestamp"], base64.b64decode(event["data"])))
        devtools.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})

    devtools.on("Page.screencastFrame", take)
    devtools.send("Page.startScreencast", {"format": "png", "everyNthFrame": 1})
    yield
    frames.append((time.time(), b""))  # the end
    devtools.send("Page.stopScreencast")
    write(without_short_ones(sorted(frames)), path)


def without_short_ones(frames: Frames) -> Frames:
    """Drops frames that follow another one too soon; the last frame is always kept."""
    *shown, end = frames
    kept = shown[:1]
    for frame, (following, _) in pairwise([*shown[1:], end]):
        if following - kept[-1][0] >= SHORTEST and frame[1] != kept[-1][1]:
            kept.append(frame)
    return [*kept, end]


def write(frames: Frames, path: Path) -> None:
    images = [Image.open(io.BytesIO(png)).convert("RGB") for _, png in frames[:-1]]
    durations = [round(1000 * (end - begin)) for (begin, _), (end, _) in pairwise(frames)]
    palette = common_palette(images)
    first, *others = [image.quantize(palette=palette, dither=DITHER) for image in images]
    # The durations are in milliseconds. Only what changed is stored of a frame.
    first.save(path, save_all=True, append_images=others, duration=durations, loop=0)


def common_palette(images: list[Image.Image]) -> Image.Image:
    """Returns an image with the most frequent colours of all images, unchanged, as its palette."""
    count: Counter[tuple[int, ...]] = Counter()
    for image in images[::10]:
        for number, colour in image.getcolors(image.width * image.height):
            count[colour] += number
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for colour, _ in count.most_common(COLOURS) for part in colour])
    return palette
