"""The admin as a Django application, with a site of our own."""

from django.contrib.admin.apps import AdminConfig


class SamuraiAdminConfig(AdminConfig):
    default_site = "samurai_site.admin_site.SamuraiAdminSite"
