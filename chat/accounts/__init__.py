"""Accounts on django-allauth: signing in, passwords, second factors, sign-ins, a sign-in provider.

The one-time link is made and redeemed by `agent.accounts.sign_in`.
"""
