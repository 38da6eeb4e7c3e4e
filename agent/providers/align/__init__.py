"""Where the words of a text are in its sound, for voices that do not tell."""
