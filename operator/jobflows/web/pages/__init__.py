"""The pages: each reads one snapshot of the archive, and has a template of its name."""
