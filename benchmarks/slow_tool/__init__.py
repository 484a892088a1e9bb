"""A Django application with a tool that takes 20 seconds. Only for `make bench`."""
