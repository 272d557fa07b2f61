"""What goes into an app that Flyball observes; it depends on opentelemetry-sdk alone.

Today it holds the names (`flyball_sdk.semconv`) that the app and the server agree on.
"""
