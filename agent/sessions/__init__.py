"""What happened in each session, written down in order: the journal, its stores, and the state that is folded from it."""
