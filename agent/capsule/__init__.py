"""A run as one file, and how it is carried out again from that file."""
