"""The words every other package speaks: errors, references, batches, seeds. No third party but pydantic."""
