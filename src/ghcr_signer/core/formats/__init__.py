"""The formats of signatures. A new format is a new file here."""
