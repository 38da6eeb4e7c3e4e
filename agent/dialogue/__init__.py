"""What is said: the persona, text made fit for speech, and its division into pieces for synthesis."""
