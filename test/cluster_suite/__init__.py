"""The operator as a process against a real API server with simulated pods (`make test-cluster`).

`kube` is kubectl in one namespace, `flows` writes flows, `process` runs the operator and `audit`
counts what it wrote. A test applies a flow and looks at what a user would see of it.
"""
