"""crowd-kit's two models on votes in an .npz file, seconds and labels into another; needs crowd-kit installed."""

import sys
import time

import numpy as np
import pandas as pd
from crowdkit.aggregation import DawidSkene, OneCoinDawidSkene


def main(votes: str, found: str) -> None:
    said = np.load(votes)
    frame = pd.DataFrame({"task": said["item"], "worker": said["annotator"], "label": said["label"]})
    kept = {}
    for name, model in (("dawid_skene", DawidSkene), ("one_coin", OneCoinDawidSkene)):
        begun = time.perf_counter()
        labels = model(n_iter=200).fit(frame).labels_
        kept[f"{name}_seconds"] = np.array(time.perf_counter() - begun)
        kept[name] = labels.sort_index().to_numpy()
    np.savez(found, **kept)


if __name__ == "__main__":
    main(*sys.argv[1:])
