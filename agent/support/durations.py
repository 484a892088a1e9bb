"""Durations as people read them, the same on the page, in the admin and in a terminal."""


def duration(milliseconds: float) -> str:
    """Returns "420 ms", "12.3 s", "2 min 5 s" or "1 h 2 min"."""
    ms = round(milliseconds)
    if ms < 1000:
        return f"{ms} ms"
    if ms < 59_950:
        tenths = (ms + 50) // 100
        return f"{tenths // 10}.{tenths % 10} s"
    seconds = (ms + 500) // 1000
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
