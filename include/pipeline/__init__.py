"""The use cases, each a plain function that reads as what it does."""
