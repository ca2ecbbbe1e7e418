"""Generated roots in every language, and the law of what their values read."""
