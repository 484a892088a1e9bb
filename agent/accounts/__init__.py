"""Project roles, access tokens and one-time sign-in links."""
