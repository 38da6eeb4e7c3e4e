"""What is heard and seen: the sample clock, the timeline on it, the pump that sends it, and turn-taking on what comes in."""
