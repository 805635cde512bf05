"""Readers who are somebody: each with the rights that the cluster gives them, and no others.

A reader hands over the token that they show to the API server. Whoever has it is asked there: by a
SelfSubjectReview who they are, by SelfSubjectAccessReviews what they may. `jobflow-web` has no
rights of its own; what it changes, it changes with the reader's token, so that RBAC decides and the
audit log names the person.

    api_server  asks with a reader's token      seal    keeps the token in a cookie nobody can read
    gate        who is not signed in signs in   orders  changes flows with a reader's token

What of the archive a reader may see is `web/sight.py`'s, for pages and the API alike.
"""
