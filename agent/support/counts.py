"""Numbers with their nouns, for texts that people read. English only."""


def count(number: int, noun: str, plural: str = "") -> str:
    """Returns "1 task", "2 tasks". `plural`: where the noun takes more than an "s" ("memories")."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
