"""The token service: credentials, health, and the page. It knows nothing of media."""
