"""One file a question, each printing a ratio against a limit or a peer."""
