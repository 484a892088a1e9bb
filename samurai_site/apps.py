"""Makes Django's admin use `SamuraiAdminSite`."""

from django.contrib.admin.apps import AdminConfig


class SamuraiAdminConfig(AdminConfig):
    default_site = "samurai_site.admin_site.SamuraiAdminSite"
