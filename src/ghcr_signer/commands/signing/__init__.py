"""The parts of `sign`, in the order in which they run: task, consent, signatures, outcome."""
