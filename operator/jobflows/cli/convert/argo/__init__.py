"""Argo Workflows: a DAG of templates becomes steps that share templates.

`workflow` is the way in. `expansion` follows the entrypoint through DAGs and lists of steps down to
templates that run something; `planned` is what it plans, `order` what waits for what, `loops`
makes arrays. `steps` writes the steps, `pods` their Jobs, `policies` retries, times and locks.
`conditions` and `values` translate the languages inside of strings.
"""
