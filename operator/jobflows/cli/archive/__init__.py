"""`jobflow archive`: what ran, kept in a database."""
