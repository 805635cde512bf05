"""`jobflow graph`: what waits for what, and how far it is, as text or as a picture.

`command` is the way in, `jobflows.drawing` makes the picture, and one module a format writes it.
"""
