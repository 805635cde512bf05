"""Flows on real pods: containerd, kubelet, processes, logs (`make e2e`, needs root)."""
