"""Writes sign-ins, new users, passwords and second factors to the audit log, by Django's signals: whatever
page, command or package does it.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models.signals import post_delete, post_save

from agent.accounts.audit import Deed, record
from agent.support import origin
from agent.support.origin import Via


def listen() -> None:
    user_logged_in.connect(_signed_in, dispatch_uid="audit")
    user_logged_out.connect(_signed_out, dispatch_uid="audit")
    user_login_failed.connect(_failed, dispatch_uid="audit")
    post_save.connect(_saved, sender=User, dispatch_uid="audit")
    for signal, change in ((post_save, _factor_saved), (post_delete, _factor_deleted)):
        signal.connect(change, sender="mfa.Authenticator", dispatch_uid="audit")


def _signed_in(user: User, **_: Any) -> None:
    record(Deed.SIGNED_IN, user, by=user)


def _signed_out(user: User | None, **_: Any) -> None:
    if user is not None:
        record(Deed.SIGNED_OUT, user, by=user)


def _failed(credentials: dict[str, Any], **_: Any) -> None:
    """Names only users that exist: people type passwords into the field of the name."""
    name = str(credentials.get("username", ""))[:150]
    known = User.objects.filter(username=name).first() if "\0" not in name else None
    record(Deed.SIGN_IN_FAILED, *([known] if known else []), by=None)


def _saved(instance: User, created: bool, raw: bool, **_: Any) -> None:
    if raw:
        return
    if created:
        record(Deed.USER_CREATED, instance, by=_by(instance))
    elif getattr(instance, "_password", None) is not None:  # by `set_password`, until it is saved
        record(Deed.PASSWORD_CHANGED, instance, by=_by(instance))


def _factor_saved(instance: Any, created: bool, raw: bool, **_: Any) -> None:
    if created and not raw:
        _factor(Deed.SECOND_FACTOR_ADDED, instance)


def _factor_deleted(instance: Any, **_: Any) -> None:
    _factor(Deed.SECOND_FACTOR_REMOVED, instance)


def _factor(deed: Deed, factor: Any) -> None:
    record(deed, factor.user, by=_by(factor.user), factor=str(factor.type))


def _by(user: User) -> User | None:
    """Returns who is signed in, or the user if this is a page for people who are not."""
    here = origin.current.get()
    person = here.person()
    if isinstance(person, User):
        return person
    return user if here.via is Via.PAGE else None
