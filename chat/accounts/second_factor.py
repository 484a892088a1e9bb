"""Second factors and passkeys: apps with codes, passkeys and security keys, recovery codes."""

from __future__ import annotations

from typing import Any

from allauth.mfa.base import forms as code_forms
from allauth.mfa.base import views as base
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import forms as totp_forms
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import forms as key_forms
from allauth.mfa.webauthn import views as webauthn

from chat.accounts.forms import Labelled
from chat.accounts.pages import InFrame


class AuthenticateForm(Labelled, code_forms.AuthenticateForm):
    pass


class ReauthenticateForm(Labelled, code_forms.ReauthenticateForm):
    pass


class ActivateTOTPForm(Labelled, totp_forms.ActivateTOTPForm):
    pass


class AddKeyForm(Labelled, key_forms.AddWebAuthnForm):
    """Has no box for a key that signs in without a password: each key does so that can."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["passwordless"]


class RenameKeyForm(Labelled, key_forms.EditWebAuthnForm):
    pass


class Index(InFrame, base.IndexView):
    template_name = "mfa/index.html"


class ActivateTOTP(InFrame, totp.ActivateTOTPView):
    pass


class DeactivateTOTP(InFrame, totp.DeactivateTOTPView):
    pass


class RecoveryCodes(InFrame, recovery_codes.ViewRecoveryCodesView):
    pass


class NewRecoveryCodes(InFrame, recovery_codes.GenerateRecoveryCodesView):
    pass


class AddKey(InFrame, webauthn.AddWebAuthnView):
    pass


class RenameKey(InFrame, webauthn.EditWebAuthnView):
    pass


class RemoveKey(InFrame, webauthn.RemoveWebAuthnView):
    pass


authenticate = base.authenticate
reauthenticate = base.reauthenticate
reauthenticate_by_key = webauthn.reauthenticate_webauthn
sign_in_by_key = webauthn.login_webauthn
index = Index.as_view()
activate_totp = ActivateTOTP.as_view()
deactivate_totp = DeactivateTOTP.as_view()
view_recovery_codes = RecoveryCodes.as_view()
download_recovery_codes = recovery_codes.download_recovery_codes
generate_recovery_codes = NewRecoveryCodes.as_view()
add_key = AddKey.as_view()
rename_key = RenameKey.as_view()
remove_key = RemoveKey.as_view()
