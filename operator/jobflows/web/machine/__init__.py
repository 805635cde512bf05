"""Runs of this machine: taken into its archive, told what to do, and their logs read from disk."""
