"""The media agent: it listens, thinks, speaks and drives the face."""
