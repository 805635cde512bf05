"""The operator: watches flows, Jobs and pods, asks the engine, and carries out its plans."""
