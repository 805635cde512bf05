"""Functions by name: found as `module:function`, called with arguments that are words.

Used by `jobflow map` and `jobflow call`, which run in other people's images, and by the SDK, which
writes their words. Nothing here needs more than the standard library.
"""
