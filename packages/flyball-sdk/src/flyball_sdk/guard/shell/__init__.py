"""A shell text becomes the commands it would run, with what is known of their words."""
