"""A Chromium without a window, for tests that look at pages as people do."""
