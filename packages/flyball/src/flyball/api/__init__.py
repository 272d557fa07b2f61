"""The REST face: /api/v1. It parses arguments, asks a query, and writes its view as JSON."""
