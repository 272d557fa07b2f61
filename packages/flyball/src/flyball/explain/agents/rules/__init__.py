"""Rules: one module a family of kinds; each takes the corpus and gives what it holds."""
