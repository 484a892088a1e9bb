"""Takes django-allauth's own pages out of the admin: some show secrets, and none fits its menu."""

from django.contrib import admin

APPS = ("account", "mfa", "socialaccount", "usersessions")

for model in list(admin.site._registry):
    if model._meta.app_label in APPS:
        admin.site.unregister(model)
