"""What a component is: its protocols, its ports to the rest, its context, its registry, its contract tests."""
