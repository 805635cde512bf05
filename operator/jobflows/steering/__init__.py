"""What people tell flows, wherever those are: for the commands and for pages alike.

    machine     runs of this machine           orders      approve, pause, stop, limit
    flows       flows of a cluster             resuming    run again what did not succeed
    loaded      a flow with its ledger

An order is a change of a flow's annotations or spec, which the operator, or the program that runs
it on this machine, acts upon. What would have no effect is refused with the reason.
"""
