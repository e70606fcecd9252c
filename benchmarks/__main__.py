"""Run one benchmark, or all: `python -m benchmarks [NAME]`."""

import importlib
import pkgutil
import sys

import benchmarks


def main() -> int:
    names = sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    known = [name for name in names if name != "harness" and not name.startswith("_")]
    asked = sys.argv[1:] or known
    if unknown := [name for name in asked if name not in known]:
        print(f"There is no benchmark {', '.join(unknown)}. Fix: choose from {', '.join(known)}.", file=sys.stderr)
        return 2
    results = [importlib.import_module(f"benchmarks.{name}").run() for name in asked]
    return 0 if all(result["holds"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
