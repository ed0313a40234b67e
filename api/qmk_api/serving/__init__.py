"""How the server takes requests and workers live."""
