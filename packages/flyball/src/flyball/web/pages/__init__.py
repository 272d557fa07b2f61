"""One module per page: route -> query -> render."""
