"""The forms of the account pages: django-allauth's, with the labels of this site."""

from __future__ import annotations

from typing import Any

from allauth.account import forms as account
from django import forms
from django.conf import settings

LABELS = {
    "login": "Username",
    "username": "Username",
    "email": "E-mail address",
    "password": "Password",
    "oldpassword": "Current password",
    "password1": "New password",
    "password2": "New password again",
    "code": "Code",
    "name": "Name",
}


class Labelled(forms.Form):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.label = LABELS.get(name, field.label)
            if name in ("password", "oldpassword") and not settings.EMAIL_HOST:
                field.help_text = ""  # a link to the page that sends mail
            field.widget.attrs.pop("placeholder", None)


class SignInForm(Labelled, account.LoginForm):
    def add_prefix(self, field_name: str) -> str:
        """Names the field for password managers and programs `username`."""
        return super().add_prefix("username" if field_name == "login" else field_name)


class SignUpForm(Labelled, account.SignupForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password1"].label = "Password"
        self.fields["password2"].label = "Password again"


class ChangePasswordForm(Labelled, account.ChangePasswordForm):
    pass


class SetPasswordForm(Labelled, account.SetPasswordForm):
    pass


class ResetPasswordForm(Labelled, account.ResetPasswordForm):
    pass


class ResetPasswordKeyForm(Labelled, account.ResetPasswordKeyForm):
    pass


class ReauthenticateForm(Labelled, account.ReauthenticateForm):
    pass


class AddEmailForm(Labelled, account.AddEmailForm):
    pass
