"""How the admin writes times: on 24 hours, as the pages do. The name of this package is a setting."""
