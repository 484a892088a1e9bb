"""Who may do what: project roles, access tokens and one-time sign-in links."""
