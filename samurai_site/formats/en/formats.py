"""Django's formats for English, where they differ: "Nov 27, 2026, 17:05"."""

DATE_FORMAT = "M j, Y"
DATETIME_FORMAT = "M j, Y, H:i"
TIME_FORMAT = "H:i"
