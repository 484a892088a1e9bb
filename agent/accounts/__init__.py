"""Project roles, access tokens, shared links and one-time sign-in links."""
