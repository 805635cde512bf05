def clear(s): pass
