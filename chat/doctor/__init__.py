"""The checks of `manage.py doctor`: of the site through its public address, and of its parts from inside."""
