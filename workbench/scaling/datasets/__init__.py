"""Published tables that come with the package."""
