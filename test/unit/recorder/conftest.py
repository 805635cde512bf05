"""The archive's fixtures, here as well."""

from unit.archive.conftest import archive, empty

__all__ = ["archive", "empty"]
