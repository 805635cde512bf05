"""Faults between the real operator and a real API server: `make faults`."""
