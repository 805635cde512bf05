"""`jobflow convert`: workflows of other engines as JobFlows.

`source` reads a document so that nothing of it can be forgotten: whatever no part of a converter
has taken is reported. `argo` and `volcano` convert, `command` prints the flows and the notes.
"""
