#!/usr/bin/env python3
"""Times the event pipeline of docs/benchmarks.md with Tonic, on one thread.

Synthetic recordings like those of `ranvier-bench feed`: 0.8 to 1 s, about 8000 events, 700
channels. One JSON line per measurement, in the fields that ranvier-bench prints. Needs tonic,
torch and h5py.

    python3 tests/peers/tonic_pipeline.py [--recordings N] [--repeats N]
"""
import argparse
import json
import statistics
import tempfile
import time

import numpy as np
import tonic
import tonic.transforms as transforms
import torch

BATCH = 128


class Words:
    """Decoded events in memory: what Tonic's own data sets give, without their files."""

    def __init__(self, count):
        random = np.random.default_rng(1)
        dtype = np.dtype([("t", np.int64), ("x", np.int64), ("p", np.int64)])
        self.samples = []
        for _ in range(count):
            events = np.zeros(random.integers(7500, 8501), dtype)
            events["t"] = np.sort(random.integers(0, random.integers(800_000, 1_000_001), len(events)))
            events["x"] = random.integers(0, 700, len(events))
            events["p"] = 1
            self.samples.append(events)

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return self.samples[index]


class Framed:
    def __init__(self, words, transform):
        self.words, self.transform = words, transform

    def __len__(self):
        return len(self.words)

    def __getitem__(self, index):
        return self.transform(self.words[index].copy()), index % 35


def epoch(dataset, collate):
    for first in range(0, len(dataset), BATCH):
        collate([dataset[i] for i in range(first, min(first + BATCH, len(dataset)))])


def report(name, dataset, repeats):
    collate = tonic.collation.PadTensors(batch_first=False)
    epoch(dataset, collate)
    times = []
    computed = time.process_time()
    for _ in range(repeats):
        start = time.perf_counter()
        epoch(dataset, collate)
        times.append(time.perf_counter() - start)
    computed = time.process_time() - computed
    seconds = statistics.median(times)
    line = {"name": name, "median_ms": round(1e3 * seconds, 3), "runs": repeats,
            "samples/s": round(len(dataset) / seconds, 1),
            "CPU us/sample": round(1e6 * computed / (len(dataset) * repeats), 1), "tonic": tonic.__version__,
            "numpy": np.__version__, "torch": torch.__version__, "threads": 1}
    print(json.dumps(line), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recordings", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    pipeline = transforms.Compose([
        transforms.Downsample(spatial_factor=100 / 700),
        transforms.CropTime(max=1_000_000),
        transforms.ToFrame(sensor_size=(100, 1, 1), time_window=4000, include_incomplete=True),
    ])
    framed = Framed(Words(arguments.recordings), pipeline)
    report("tonic_events", framed, arguments.repeats)
    with tempfile.TemporaryDirectory() as folder:
        cached = tonic.DiskCachedDataset(framed, cache_path=folder)
        report("tonic_disk_cache", cached, arguments.repeats)


if __name__ == "__main__":
    main()
