"""How django-allauth works here, whatever the environment says. `samurai_site.settings` takes these over."""

from __future__ import annotations

from typing import Any

ACCOUNT_ADAPTER = "chat.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Samurai Agent: "
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_AUTHENTICATED_LOGIN_REDIRECTS = False  # a form that is sent counts, whoever is signed in
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = (
    False  # the other sign-ins end, because their digest has changed
)
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_METHODS = ["password", "mfa"]
ACCOUNT_RATE_LIMITS = {
    "login": "60/m/ip",
    # Before a password is compared. `key` is the account, whether there is one or not, with the address.
    "login_failed": "10/m/ip,5/5m/key",
    # `key` is the account alone; not in a browser that has signed in to it before.
    "login_failed_anywhere": "100/h/key",
    "link_failed": "10/m/ip",
    "change_password": "5/m/user",
    "reauthenticate": "10/m/user",
    "sign_out_elsewhere": "5/m/user",  # looks at all sign-ins of the site
    "reset_password": "5/m/ip,5/h/key",  # mails to one address
    "reset_password_from_key": "20/m/ip",
    "signup": "20/m/ip,100/d/ip",
    "manage_email": "10/m/user",
}
ACCOUNT_FORMS = {
    name: f"chat.accounts.forms.{form}Form"
    for name, form in (
        ("login", "SignIn"),
        ("signup", "SignUp"),
        ("change_password", "ChangePassword"),
        ("set_password", "SetPassword"),
        ("reset_password", "ResetPassword"),
        ("reset_password_from_key", "ResetPasswordKey"),
        ("reauthenticate", "Reauthenticate"),
        ("add_email", "AddEmail"),
    )
}

MFA_ADAPTER = "chat.accounts.adapter.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Samurai Agent"
MFA_TOTP_TOLERANCE = 1  # of 30 seconds: clocks of phones differ
MFA_ALLOW_UNVERIFIED_EMAIL = True  # an address is not needed, and need not be confirmed
MFA_FORMS = {
    name: f"chat.accounts.second_factor.{form}Form"
    for name, form in (
        ("authenticate", "Authenticate"),
        ("reauthenticate", "Reauthenticate"),
        ("activate_totp", "ActivateTOTP"),
        ("add_webauthn", "AddKey"),
        ("edit_webauthn", "RenameKey"),
    )
}

# Only with a provider: their packages take 5 MB.
PROVIDER_APPS = ["allauth.socialaccount", "allauth.socialaccount.providers.openid_connect"]
PROVIDER_ID = "provider"
SOCIALACCOUNT_FORMS = {"signup": "chat.accounts.provider.ProviderSignUpForm"}
SOCIALACCOUNT_ADAPTER = "chat.accounts.provider.ProviderAdapter"
# Who signs in at the provider with the address of an account here gets that account, for good.
SOCIALACCOUNT_EMAIL_AUTHENTICATION = SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"


def providers(url: str, name: str, client: str, secret: str) -> dict[str, Any]:
    """Returns the setting SOCIALACCOUNT_PROVIDERS for one provider of OpenID Connect."""
    app = {
        "provider_id": PROVIDER_ID,
        "name": name,
        "client_id": client,
        "secret": secret,
        "settings": {"server_url": url},
    }
    return {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}
