"""Between the engine and Kubernetes' objects, pure in both directions.

`job` and `resources` turn what the engine wants into manifests; `records` and `observe` turn what
the API server says into observations.
"""
