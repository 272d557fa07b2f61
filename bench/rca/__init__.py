"""Does a diagnosis name the cause? Loaders build signals from public cases, a scorer of its own reads the labels."""
