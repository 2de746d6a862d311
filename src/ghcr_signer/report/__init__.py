"""What a run says when it is done: one Report, rendered for a terminal or a machine."""
