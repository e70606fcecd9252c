"""Balance tables and multiply images of the train split; every made row knows its parents."""
