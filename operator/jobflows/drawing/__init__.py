"""A flow as a picture, for `jobflow graph` and for web pages.

`picture` says what is shown of each step, `fold` makes groups of the steps of a large flow,
`layout` places boxes, `geometry` turns places into boxes and lines, `svg` writes a file of them.
"""
