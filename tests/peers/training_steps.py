#!/usr/bin/env python3
"""Times the training steps of docs/benchmarks.md with the Python libraries that do them today.

One JSON line per measurement, in the fields that ranvier-bench prints: name, median_ms, runs.
Needs torch, spikingjelly (csnn, lif, ssc), sinabs (ssc) and snntorch (mlp); what cannot be imported
is skipped aloud.

    python3 tests/peers/training_steps.py [csnn] [lif] [mlp] [ssc] [--repeats N] [--threads N]
                                          [--device cuda] [--backends torch cupy auto]

With --device cuda, SpikingJelly's networks are measured with each of its backends that works there,
and a step is timed in groups of ten between two waits for the device.

On the CPU the allocator matters as much as the code: also run it with
GLIBC_TUNABLES=glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=8589934592
"""
import argparse
import json
import statistics
import sys
import time


DEVICE = "cpu"
BACKENDS = ["torch"]


def wait():
    import torch
    if DEVICE != "cpu":
        torch.cuda.synchronize()


def median_ms(step, repeats):
    calls = 1 if DEVICE == "cpu" else 10
    for _ in range(1 if DEVICE == "cpu" else 3):
        step()
    times = []
    for _ in range(repeats):
        wait()
        start = time.perf_counter()
        for _ in range(calls):
            step()
        wait()
        times.append(1e3 * (time.perf_counter() - start) / calls)
    return statistics.median(times)


def chosen(backend):
    """Arguments that make a neuron of SpikingJelly use a backend; 2.0 and later choose themselves."""
    return {} if backend == "auto" else {"backend": backend}


def for_each_backend(what, measure):
    """Calls measure(backend) for SpikingJelly's backends; one that does not work is skipped aloud."""
    for backend in BACKENDS:
        try:
            measure(backend)
        except Exception as error:  # whatever a library of others raises
            print(f"skipped {what} with {backend}: {type(error).__name__}: {error}",
                  file=sys.stderr)


def report(name, milliseconds, repeats, **more):
    import torch
    line = {"name": name, "median_ms": round(milliseconds, 3), "runs": repeats,
            "torch": torch.__version__, "device": DEVICE,
            "threads": torch.get_num_threads(), **more}
    print(json.dumps(line), flush=True)


def lif(repeats):
    """SpikingJelly's multi-step LIF over 2^20 neurons: forward, and forward with backward."""
    import torch
    from spikingjelly.activation_based import functional, neuron, surrogate

    def measure(backend):
        for steps in (8, 16, 32, 64) if DEVICE == "cpu" else (8, 32, 128):
            node = neuron.LIFNode(tau=2.0, surrogate_function=surrogate.ATan(), step_mode="m",
                                  **chosen(backend)).to(DEVICE)
            x = torch.randn(steps, 2 ** 20, device=DEVICE)
            leaf = x.clone().requires_grad_()
            gradient = torch.randn_like(x)

            def forward():
                functional.reset_net(node)
                with torch.no_grad():
                    node(x)

            def both():
                functional.reset_net(node)
                leaf.grad = None
                node(leaf).backward(gradient)

            report(f"lif_forward_T{steps}", median_ms(forward, repeats), repeats, backend=backend)
            report(f"lif_forward_backward_T{steps}", median_ms(both, max(2, repeats // 2)),
                   max(2, repeats // 2), backend=backend)

    for_each_backend("lif", measure)


def csnn(repeats):
    """The Fashion-MNIST tutorial network of SpikingJelly: T = 4, batch 128, 128 channels, SGD."""
    import torch
    from torch import nn
    from spikingjelly.activation_based import functional, layer, neuron, surrogate
    channels, steps = 128, 4

    def measure(backend):
        def spiking():
            return neuron.IFNode(surrogate_function=surrogate.ATan(), step_mode="m",
                                 **chosen(backend))

        static = nn.Sequential(nn.Conv2d(1, channels, 3, padding=1, bias=False),
                               nn.BatchNorm2d(channels)).to(DEVICE)
        net = nn.Sequential(
            spiking(), layer.MaxPool2d(2, 2),
            layer.Conv2d(channels, channels, 3, padding=1, bias=False),
            layer.BatchNorm2d(channels), spiking(), layer.MaxPool2d(2, 2), layer.Flatten(),
            layer.Linear(channels * 7 * 7, channels * 16, bias=False), spiking(),
            layer.Linear(channels * 16, 10, bias=False), spiking()).to(DEVICE)
        functional.set_step_mode(net, "m")
        parameters = list(static.parameters()) + list(net.parameters())
        optimizer = torch.optim.SGD(parameters, lr=0.1, momentum=0.9)
        images = torch.rand(128, 1, 28, 28, device=DEVICE)
        labels = torch.randint(0, 10, (128,), device=DEVICE)
        targets = torch.nn.functional.one_hot(labels, 10).float()

        def step():
            optimizer.zero_grad()
            currents = static(images).unsqueeze(0).repeat(steps, 1, 1, 1, 1)
            loss = torch.nn.functional.mse_loss(net(currents).mean(0).float(), targets)
            loss.backward()
            optimizer.step()
            functional.reset_net(net)

        report("csnn_step_f32", median_ms(step, repeats), repeats, backend=backend)
        for dtype, name in ((torch.bfloat16, "bf16"), (torch.float16, "f16")):
            if DEVICE == "cpu" and name == "f16":
                continue
            with torch.autocast(DEVICE, dtype=dtype):
                report(f"csnn_step_{name}_autocast", median_ms(step, repeats), repeats,
                       backend=backend)

    for_each_backend("csnn", measure)


def mlp(repeats):
    """snnTorch's tutorial network: 784-1000-10, Leaky beta 0.9, 25 steps, batch 128, Adam."""
    import snntorch
    import torch
    from torch import nn
    fc1, fc2 = nn.Linear(784, 1000).to(DEVICE), nn.Linear(1000, 10).to(DEVICE)
    lif1, lif2 = snntorch.Leaky(beta=0.9).to(DEVICE), snntorch.Leaky(beta=0.9).to(DEVICE)
    optimizer = torch.optim.Adam([*fc1.parameters(), *fc2.parameters()], lr=1e-3)
    images = torch.rand(128, 784, device=DEVICE)
    labels = torch.randint(0, 10, (128,), device=DEVICE)

    def step():
        mem1, mem2 = lif1.init_leaky(), lif2.init_leaky()
        counts = 0
        for _ in range(25):
            spikes1, mem1 = lif1(fc1(images), mem1)
            spikes2, mem2 = lif2(fc2(spikes1), mem2)
            counts = counts + spikes2
        loss = torch.nn.functional.cross_entropy(counts, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    report("mlp_step_f32", median_ms(step, repeats), repeats)


def ssc(repeats):
    """The tutorial network of Tonic and Sinabs on SSC: IAF MLP 100-128-128-128-35, T = 250, batch
    128, events of density 2 %; forward, cross entropy of the spikes' sum, backward, Adam."""
    import torch
    from torch import nn
    sizes = [100, 128, 128, 128, 35]
    events = (torch.rand(128, 250, sizes[0], device=DEVICE) < 0.02).float()
    labels = torch.randint(0, sizes[-1], (128,), device=DEVICE)

    def measure_multi_step(backend, measure):
        layers = []
        for inputs, outputs in zip(sizes, sizes[1:]):
            layers += [nn.Linear(inputs, outputs),
                       neuron.IFNode(v_reset=None, surrogate_function=surrogate.ATan(),
                                     step_mode="m", **chosen(backend))]
        net = nn.Sequential(*layers).to(DEVICE)
        measure(f"ssc_step_spikingjelly_{backend}", net, events.transpose(0, 1).contiguous(),
                lambda: functional.reset_net(net), net, 0)

    def measure(name, net, x, reset, run, time_axis):
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)

        def step():
            reset()
            optimizer.zero_grad()
            nn.functional.cross_entropy(run(x).sum(time_axis), labels).backward()
            optimizer.step()

        report(name, median_ms(step, repeats), repeats)

    try:
        from spikingjelly.activation_based import functional, neuron, surrogate
        layers = []
        for inputs, outputs in zip(sizes, sizes[1:]):
            layers += [nn.Linear(inputs, outputs),
                       neuron.IFNode(v_reset=None, surrogate_function=surrogate.ATan())]
        net = nn.Sequential(*layers).to(DEVICE)
        measure("ssc_step_spikingjelly_single_step", net, events.transpose(0, 1).contiguous(),
                lambda: functional.reset_net(net), lambda x: torch.stack([net(s) for s in x]), 0)
        for_each_backend("ssc", lambda backend: measure_multi_step(backend, measure))
    except ImportError as error:
        print(f"skipped ssc with SpikingJelly: {error}", file=sys.stderr)
    try:
        import sinabs.layers
        layers = []
        for inputs, outputs in zip(sizes, sizes[1:]):
            layers += [nn.Linear(inputs, outputs), sinabs.layers.IAF()]
        iaf = nn.Sequential(*layers).to(DEVICE)
        measure("ssc_step_sinabs", iaf, events,
                lambda: [layer.reset_states() for layer in layers[1::2]], iaf, 1)
    except ImportError as error:
        print(f"skipped ssc with Sinabs: {error}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=["csnn", "lif", "mlp", "ssc", []])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=0, help="torch threads; 0: torch's default")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--backends", nargs="+", default=["torch"],
                        choices=["torch", "cupy", "auto"],
                        help="of SpikingJelly's neurons; auto: those of 2.0 and later")
    options = parser.parse_args()
    global DEVICE, BACKENDS
    DEVICE, BACKENDS = options.device, options.backends
    for name in options.what or ["mlp", "csnn", "lif", "ssc"]:
        try:
            import torch
            torch.manual_seed(0)
            if options.threads:
                torch.set_num_threads(options.threads)
            {"csnn": csnn, "lif": lif, "mlp": mlp, "ssc": ssc}[name](options.repeats)
        except ImportError as error:
            print(f"skipped {name}: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
