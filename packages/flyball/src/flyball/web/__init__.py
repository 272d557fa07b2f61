"""The web face: pages rendered on the server from the same views; every page has a `.json` twin."""
