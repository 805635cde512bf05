"""`jobflow usage` and `jobflow recommend`: what steps took, and what they should ask for.

`samples` gathers what is known of each task, of a run of this machine by its attempts and of a flow
on a cluster by its status. What follows from it is counted by `jobflows.usage`; `command` and
`recommend` print.
"""
