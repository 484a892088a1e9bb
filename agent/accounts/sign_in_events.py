"""Writes sign-ins, new users, passwords, second factors, addresses for mail and connected providers to the
audit log, by Django's signals: whatever page, command or package does it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from allauth.mfa.signals import authentication_failed
from django.apps import apps
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models.signals import post_delete, post_save

from agent.accounts.audit import Deed, record
from agent.support import origin
from agent.support.origin import Via

# Rows of a user that open the account, or keep it closed: what it means when one is added, and deleted.
_DOORS = {
    "mfa.Authenticator": (Deed.SECOND_FACTOR_ADDED, Deed.SECOND_FACTOR_REMOVED),
    "account.EmailAddress": (Deed.EMAIL_ADDED, Deed.EMAIL_REMOVED),
    "socialaccount.SocialAccount": (Deed.PROVIDER_CONNECTED, Deed.PROVIDER_DISCONNECTED),
}


def listen() -> None:
    user_logged_in.connect(_signed_in, dispatch_uid="audit")
    user_logged_out.connect(_signed_out, dispatch_uid="audit")
    user_login_failed.connect(_failed, dispatch_uid="audit")
    authentication_failed.connect(_code_failed, dispatch_uid="audit")
    post_save.connect(_saved, sender=User, dispatch_uid="audit")
    for model, (added, removed) in _DOORS.items():
        if model.partition(".")[0] in apps.app_configs:  # with a provider only
            saved, deleted = partial(_door_saved, added), partial(_door_deleted, removed)
            post_save.connect(saved, sender=model, weak=False, dispatch_uid="audit")
            post_delete.connect(deleted, sender=model, weak=False, dispatch_uid="audit")


def _signed_in(user: User, **_: Any) -> None:
    record(Deed.SIGNED_IN, user, by=user)


def _signed_out(user: User | None, **_: Any) -> None:
    if user is not None:
        record(Deed.SIGNED_OUT, user, by=user)


def _failed(credentials: dict[str, Any], **_: Any) -> None:
    """Names only users that exist: people type passwords into the field of the name."""
    name = str(credentials.get("username", ""))[:150]
    # Signing in takes other spellings, too, unless they are of two people.
    known = list(User.objects.filter(username__iexact=name)[:2]) if "\0" not in name else []
    record(Deed.SIGN_IN_FAILED, *(known if len(known) == 1 else []), by=None)


def _code_failed(user: User, **_: Any) -> None:
    record(Deed.SIGN_IN_FAILED, user, by=None, factor="code")


def _saved(instance: User, created: bool, raw: bool, **_: Any) -> None:
    if raw:
        return
    if created:
        record(Deed.USER_CREATED, instance, by=_by(instance))
    elif getattr(instance, "_password", None) is not None:  # by `set_password`, until it is saved
        record(Deed.PASSWORD_CHANGED, instance, by=_by(instance))


def _door_saved(deed: Deed, *, instance: Any, created: bool, raw: bool, **_: Any) -> None:
    if created and not raw:
        _record_door(deed, instance)


def _door_deleted(deed: Deed, *, instance: Any, **_: Any) -> None:
    _record_door(deed, instance)


def _record_door(deed: Deed, row: Any) -> None:
    """Names the kind of a second factor, and no address."""
    details: dict[str, Any] = {"factor": str(row.type)} if hasattr(row, "type") else {}
    record(deed, row.user, by=_by(row.user), **details)


def _by(user: User) -> User | None:
    """Returns who is signed in, or the user if this is a page for people who are not."""
    here = origin.current.get()
    person = here.person()
    if isinstance(person, User):
        return person
    return user if here.via is Via.PAGE else None
