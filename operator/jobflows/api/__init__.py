"""What a JobFlow is: its models, its defaults, the one validator, and the CRD made from them.

Everything else in the project imports from here; this package imports nothing of the project.
"""

from jobflows.api.model import API_VERSION, GROUP, KIND, PLURAL, VERSION, JobFlow

__all__ = ["API_VERSION", "GROUP", "KIND", "PLURAL", "VERSION", "JobFlow"]
