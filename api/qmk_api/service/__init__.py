"""The service about itself: state, templates, counts, and tests of keyboards."""
