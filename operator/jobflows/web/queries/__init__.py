"""What only pages ask of the archive, beside `jobflows.archive.queries`: sums over many attempts.

Plain SQL that SQLite and PostgreSQL both take; each question is answered from one index.
"""
