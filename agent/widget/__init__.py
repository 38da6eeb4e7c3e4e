"""The stateful program in the room: rounds of question and answer, what the front end has on its screen, and how both go on after everything was lost."""
