"""`jobflow logs`: what steps have printed, on a cluster and on this machine.

`command` is the way in; `pods` reads and follows the logs of pods, `files` those of processes.
"""
