"""The nouns: frozen values without input or output. Each module holds one noun of design's list."""
