"""The terminal client: a WAV file as the microphone, through any door."""
