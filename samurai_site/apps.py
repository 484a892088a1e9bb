"""The app configurations of other packages that the site changes."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class SamuraiAdminConfig(AdminConfig):
    """Makes Django's admin use `SamuraiAdminSite`."""

    default_site = "samurai_site.admin_site.SamuraiAdminSite"


class DaphneCommandConfig(AppConfig):
    """Adds Daphne's `runserver`, and imports Daphne's server only when that command runs.

    Daphne's own configuration imports it, and Twisted, in every process: a third of the time of a
    start, and 26 MB.
    """

    name = "daphne"
