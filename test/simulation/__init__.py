"""The whole operator on virtual time, in a world of its own for each seed.

A world (`world.py`) is some flows, people who cannot leave them alone, and a cluster that has
trouble; all of it follows from one number. `playing.py` plays it on the API server model with the
real operator, `facts.py` listens to the server's storage beside the operator, and `invariants/`
says what must hold at every moment and in the end, one policy a file. `bugs/` breaks the operator
on purpose, so that each invariant is known to see.

    make simulate SEEDS=10000
"""
