"""Numbers with their nouns, for texts that people read. English only."""


def count(number: int, noun: str, plural: str = "") -> str:
    """Returns "1 task", "2,000 tasks". `plural`: where the noun takes more than an "s" ("memories")."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def too_long(name: str, length: int, limit: int) -> str:
    """Returns "The title is too long: 250 of 200 characters"."""
    return f"{name} is too long: {length:,} of {limit:,} characters"
