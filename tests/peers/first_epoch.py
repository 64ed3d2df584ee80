#!/usr/bin/env python3
"""What SpikingJelly's tutorial network reaches on Fashion-MNIST after its first epoch, by seed.

The network, loss and optimizer of `ranvier-fashion-mnist` (SpikingJelly's conv_fashion_mnist
example: T = 4, batch 128, 128 channels, SGD 0.1 with momentum 0.9, cosine over 64 epochs), trained
for one epoch. One JSON line per seed: train and test accuracy. Needs torch and spikingjelly.

    python3 tests/peers/first_epoch.py [--seeds 8] [--device cuda] [--data-dir FOLDER]
"""
import argparse
import gzip
import json
import pathlib
import statistics


def read_idx(path, header):
    import numpy
    return numpy.frombuffer(gzip.decompress(path.read_bytes()), numpy.uint8, offset=header)


def load(folder, part, device):
    import torch
    images = read_idx(folder / f"{part}-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28)
    labels = read_idx(folder / f"{part}-labels-idx1-ubyte.gz", 8)
    return (torch.tensor(images, device=device).float() / 255,
            torch.tensor(labels, device=device).long())


def network(channels, device):
    from torch import nn
    from spikingjelly.activation_based import functional, layer, neuron, surrogate

    def spiking():
        return neuron.IFNode(surrogate_function=surrogate.ATan())

    net = nn.Sequential(
        layer.Conv2d(1, channels, 3, padding=1, bias=False), layer.BatchNorm2d(channels),
        spiking(), layer.MaxPool2d(2, 2),
        layer.Conv2d(channels, channels, 3, padding=1, bias=False), layer.BatchNorm2d(channels),
        spiking(), layer.MaxPool2d(2, 2), layer.Flatten(),
        layer.Linear(channels * 7 * 7, channels * 16, bias=False), spiking(),
        layer.Linear(channels * 16, 10, bias=False), spiking()).to(device)
    functional.set_step_mode(net, "m")
    return net


def first_epoch(seed, data, device, channels=128, steps=4, batch=128):
    import torch
    from spikingjelly.activation_based import functional
    torch.manual_seed(seed)
    net = network(channels, device)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)

    def rates(images):
        result = net(images.unsqueeze(0).repeat(steps, 1, 1, 1, 1)).mean(0)
        functional.reset_net(net)
        return result

    images, labels = data["train"]
    correct = 0
    order = torch.randperm(len(labels), device=device)
    last = len(labels) // batch * batch
    for chosen in order[:last].split(batch):
        target = torch.nn.functional.one_hot(labels[chosen], 10).float()
        optimizer.zero_grad()
        output = rates(images[chosen])
        torch.nn.functional.mse_loss(output, target).backward()
        optimizer.step()
        correct += int((output.argmax(1) == labels[chosen]).sum())
    net.eval()
    images, labels = data["t10k"]
    with torch.no_grad():
        found = sum(int((rates(i).argmax(1) == l).sum())
                    for i, l in zip(images.split(500), labels.split(500)))
    return correct / last, found / len(labels)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--data-dir", type=pathlib.Path,
                        default=pathlib.Path("/usr/share/datasets/fashion-mnist"))
    options = parser.parse_args()
    data = {part: load(options.data_dir, part, options.device) for part in ("train", "t10k")}
    tests = []
    for seed in range(1, options.seeds + 1):
        train, test = first_epoch(seed, data, options.device)
        tests.append(test)
        print(json.dumps({"seed": seed, "train_acc": round(train, 4), "test_acc": test}),
              flush=True)
    print(json.dumps({"mean": statistics.mean(tests), "lowest": min(tests),
                      "highest": max(tests)}))


if __name__ == "__main__":
    main()
