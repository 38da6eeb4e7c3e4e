"""A conversation joins one user and one digital human, whatever door the user came through."""
