"""Records as lines of JSON, and a format's way there and back."""

import json


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def through(module, found):
    made = module.write(found)
    return made.losses, module.read(made.data) == found
