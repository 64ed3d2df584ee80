#!/usr/bin/env python3
"""Times Python libraries at what ranvier-bench measures: LIF neurons and training steps.

    training_steps.py [neurons] [csnn] [mlp] [ssc] [--json] [--device cuda[:0]] [--runs N] ...

Names are those of ranvier-bench. With --json, one line for each measurement,
{"name", "peer", "version", "median_ms", "runs"}, or, for what could not be measured,
{"peer", "skipped": why}. `ranvier-bench --compare` runs this and prints both side by side.

On CUDA devices a step is timed in groups of ten between two waits for the device, and SpikingJelly
with each of its backends ("auto": from 2.0 on it chooses itself).

On the CPU the allocator matters as much as the code: also run it with
GLIBC_TUNABLES=glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=8589934592
"""
import argparse
import importlib
import importlib.metadata
import inspect
import json
import os
import statistics
import sys
import time

# What a peer is called: its distribution, the modules it needs, and whether it needs a CUDA device.
PEERS = {
    "spikingjelly/auto": ("spikingjelly", ["torch", "spikingjelly.activation_based"], False),
    "spikingjelly/torch": ("spikingjelly", ["torch", "spikingjelly.activation_based"], False),
    "spikingjelly/cupy": ("spikingjelly", ["torch", "cupy", "spikingjelly.activation_based"], True),
    "spikingjelly/triton": ("spikingjelly", ["torch", "triton", "spikingjelly.activation_based"],
                            True),
    "spikingjelly/single": ("spikingjelly", ["torch", "spikingjelly.activation_based"], False),
    "snntorch": ("snntorch", ["torch", "snntorch"], False),
    "norse": ("norse", ["torch", "norse.torch"], False),
    "sinabs": ("sinabs", ["torch", "sinabs.layers"], False),
    "exodus": ("sinabs-exodus", ["torch", "sinabs.exodus.layers"], True),
}


BACKENDS = ("auto", "torch", "cupy", "triton")


def applies(backend):
    """Whether the SpikingJelly that is here takes this backend."""
    from spikingjelly.activation_based import neuron
    takes_one = "backend" in inspect.signature(neuron.IFNode.__init__).parameters
    return takes_one != (backend == "auto")


def chosen(backend):
    """The argument by which neurons of SpikingJelly take a backend."""
    return {} if backend == "auto" else {"backend": backend}


def first_line(text):
    return (str(text).strip() or "no reason given").splitlines()[0]


class Bench:
    """The options, and what was measured with them."""

    def __init__(self, options, output):
        self.options = options
        self.device = options.device
        self.on_cpu = options.device == "cpu"
        self.output = output
        self.skips = set()
        self.peer = None

    def print(self, line, text):
        print(json.dumps(line) if self.options.json else text, file=self.output, flush=True)

    def skip(self, why):
        if (self.peer, why) not in self.skips:
            self.skips.add((self.peer, why))
            self.print({"peer": self.peer, "skipped": why}, f"skipped {self.peer}: {why}")

    def can_import(self):
        _, modules, needs_cuda = PEERS[self.peer]
        try:
            for module in modules:
                importlib.import_module(module)
        except Exception as error:  # a broken installation raises anything
            kind = "" if isinstance(error, ImportError) else f"{type(error).__name__}: "
            self.skip(kind + first_line(error))
            return False
        if needs_cuda and self.on_cpu:
            self.skip("runs on CUDA devices only")
            return False
        return True

    def version(self):
        try:
            return importlib.metadata.version(PEERS[self.peer][0])
        except importlib.metadata.PackageNotFoundError:
            return "unknown"

    def prepare(self):
        import torch
        torch.manual_seed(0)
        if self.options.threads:
            torch.set_num_threads(self.options.threads)

    def measure_peers(self, name, group):
        """Calls group[peer](self, backend) for every peer; what one raises is its own affair."""
        for self.peer, body in group.items():
            backend = self.peer.partition("/")[2]
            if not self.can_import() or (backend in BACKENDS and not applies(backend)):
                continue
            self.prepare()
            try:
                body(self, backend)
            except Exception as error:  # whatever a library of others raises
                self.skip(f"{name}: {type(error).__name__}: {first_line(error)}")

    def wait(self):
        if not self.on_cpu:
            import torch
            torch.cuda.synchronize(self.device)

    def measure(self, name, step):
        calls = 1 if self.on_cpu else 10
        for _ in range(1 if self.on_cpu else 3):
            step()
        times = []
        for _ in range(self.options.runs):
            self.wait()
            start = time.perf_counter()
            for _ in range(calls):
                step()
            self.wait()
            times.append(1e3 * (time.perf_counter() - start) / calls)
        median, version = statistics.median(times), self.version()
        self.print({"name": name, "peer": self.peer, "version": version,
                    "median_ms": round(median, 6), "runs": self.options.runs},
                   f"{name:<26} {self.peer:<19} {version:<12} {median:10.3f} ms")

    def measure_lif(self, run):
        """LIF of many neurons: run(x) returns the spikes of x [T, N]."""
        import torch
        for steps in self.options.steps:
            x = torch.randn(steps, self.options.neurons, device=self.device)
            leaf = x.clone().requires_grad_()
            gradient = torch.randn_like(x)

            def forward():
                with torch.no_grad():
                    run(x)

            def both():
                leaf.grad = None
                run(leaf).backward(gradient)

            self.measure(f"lif_forward_T{steps}", forward)
            self.measure(f"lif_forward_backward_T{steps}", both)


def lif_spikingjelly(bench, backend):
    from spikingjelly.activation_based import functional, neuron, surrogate
    node = neuron.LIFNode(tau=2.0, surrogate_function=surrogate.ATan(), step_mode="m",
                          **chosen(backend)).to(bench.device)

    def run(x):
        functional.reset_net(node)
        return node(x)

    bench.measure_lif(run)


def lif_snntorch(bench, _):
    import snntorch
    import torch
    node = snntorch.Leaky(beta=0.5).to(bench.device)

    def run(x):
        membrane, spikes = node.init_leaky(), []
        for current in x:
            spike, membrane = node(current, membrane)
            spikes.append(spike)
        return torch.stack(spikes)

    bench.measure_lif(run)


def lif_norse(bench, _):
    import torch
    from norse.torch import LIFBoxCell, LIFBoxParameters
    half_per_step = LIFBoxParameters(tau_mem_inv=torch.tensor(500.0))  # tau = 2 steps of 1 ms
    node = LIFBoxCell(half_per_step, dt=0.001).to(bench.device)

    def run(x):
        state, spikes = None, []
        for current in x:
            spike, state = node(current, state)
            spikes.append(spike)
        return torch.stack(spikes)

    bench.measure_lif(run)


def lif_sinabs(bench, _):
    import sinabs.layers
    measure_sinabs_lif(bench, sinabs.layers.LIF)


def lif_exodus(bench, _):
    import sinabs.exodus.layers
    measure_sinabs_lif(bench, sinabs.exodus.layers.LIF)


def measure_sinabs_lif(bench, layer_type):
    node = layer_type(tau_mem=2.0).to(bench.device)

    def run(x):
        node.reset_states()
        return node(x.unsqueeze(0)).squeeze(0)

    bench.measure_lif(run)


def csnn_spikingjelly(bench, backend):
    """The Fashion-MNIST tutorial network of SpikingJelly: T = 4, SGD."""
    import torch
    from torch import nn
    from spikingjelly.activation_based import functional, layer, neuron, surrogate
    channels, batch, steps = bench.options.channels, bench.options.batch_size, 4

    def spiking():
        return neuron.IFNode(surrogate_function=surrogate.ATan(), step_mode="m",
                             **chosen(backend))

    static = nn.Sequential(nn.Conv2d(1, channels, 3, padding=1, bias=False),
                           nn.BatchNorm2d(channels)).to(bench.device)
    net = nn.Sequential(
        spiking(), layer.MaxPool2d(2, 2),
        layer.Conv2d(channels, channels, 3, padding=1, bias=False),
        layer.BatchNorm2d(channels), spiking(), layer.MaxPool2d(2, 2), layer.Flatten(),
        layer.Linear(channels * 7 * 7, channels * 16, bias=False), spiking(),
        layer.Linear(channels * 16, 10, bias=False), spiking()).to(bench.device)
    functional.set_step_mode(net, "m")
    optimizer = torch.optim.SGD([*static.parameters(), *net.parameters()], lr=0.1, momentum=0.9)
    images = torch.rand(batch, 1, 28, 28, device=bench.device)
    labels = torch.randint(0, 10, (batch,), device=bench.device)
    targets = nn.functional.one_hot(labels, 10).float()

    def step():
        optimizer.zero_grad()
        currents = static(images).unsqueeze(0).repeat(steps, 1, 1, 1, 1)
        nn.functional.mse_loss(net(currents).mean(0).float(), targets).backward()
        optimizer.step()
        functional.reset_net(net)

    bench.measure("csnn_step_f32", step)
    with torch.autocast(torch.device(bench.device).type, dtype=torch.bfloat16):
        bench.measure("csnn_step_bf16", step)


def mlp_snntorch(bench, _):
    """snnTorch's tutorial network: 784-1000-10, Leaky beta 0.9, 25 steps, Adam."""
    import snntorch
    import torch
    from torch import nn
    fc1, fc2 = nn.Linear(784, 1000).to(bench.device), nn.Linear(1000, 10).to(bench.device)
    lif1, lif2 = (snntorch.Leaky(beta=0.9).to(bench.device) for _ in range(2))
    optimizer = torch.optim.Adam([*fc1.parameters(), *fc2.parameters()], lr=1e-3)
    images = torch.rand(bench.options.batch_size, 784, device=bench.device)
    labels = torch.randint(0, 10, (bench.options.batch_size,), device=bench.device)

    def step():
        mem1, mem2 = lif1.init_leaky(), lif2.init_leaky()
        counts = 0
        for _ in range(25):
            spikes1, mem1 = lif1(fc1(images), mem1)
            spikes2, mem2 = lif2(fc2(spikes1), mem2)
            counts = counts + spikes2
        loss = nn.functional.cross_entropy(counts, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    bench.measure("mlp_step_f32", step)


def measure_ssc(bench, make_neuron, reset, run, time_axis, container=None):
    """The tutorial network of Tonic and Sinabs on SSC: IAF MLP 100-128-128-128-35, T = 250, events
    of density 2 %; forward, cross entropy of the spikes' sum, backward, Adam. reset(layer) before
    each step, run(net, x) with time as axis `time_axis` of x; `container` instead of Sequential."""
    import torch
    from torch import nn
    sizes, batch = [100, 128, 128, 128, 35], bench.options.batch_size
    shape = (250, batch) if time_axis == 0 else (batch, 250)
    events = (torch.rand(*shape, sizes[0], device=bench.device) < 0.02).float()
    labels = torch.randint(0, sizes[-1], (batch,), device=bench.device)
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, outputs), make_neuron()]
    net = (container or nn.Sequential)(*layers).to(bench.device)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)

    def step():
        for layer in layers[1::2]:
            reset(layer)
        optimizer.zero_grad()
        nn.functional.cross_entropy(run(net, events).sum(time_axis), labels).backward()
        optimizer.step()

    bench.measure("ssc_step_iaf", step)


def ssc_spikingjelly(bench, backend):
    import torch
    from spikingjelly.activation_based import neuron, surrogate
    options = {"surrogate_function": surrogate.ATan()}
    run = lambda net, x: torch.stack([net(step) for step in x])  # noqa: E731
    if backend != "single":  # step by step, as many tutorials do
        options.update(step_mode="m", v_reset=None, **chosen(backend))
        run = lambda net, x: net(x)  # noqa: E731
    measure_ssc(bench, lambda: neuron.IFNode(**options), lambda node: node.reset(), run, 0)


def ssc_norse(bench, _):
    """Norse's IAF resets to 0, where the tutorial's subtracts the threshold. Its own loop over time
    (IAF) takes several times longer backward than one around the network."""
    import torch
    from norse.torch import IAFCell, SequentialState

    def run(net, x):
        state, spikes = None, []
        for current in x:
            spike, state = net(current, state)
            spikes.append(spike)
        return torch.stack(spikes)

    measure_ssc(bench, IAFCell, lambda layer: None, run, 0, SequentialState)


def ssc_sinabs(bench, _):
    import sinabs.layers
    measure_ssc(bench, sinabs.layers.IAF, lambda layer: layer.reset_states(),
                lambda net, x: net(x), 1)


def ssc_exodus(bench, _):
    import sinabs.exodus.layers
    measure_ssc(bench, sinabs.exodus.layers.IAF, lambda layer: layer.reset_states(),
                lambda net, x: net(x), 1)


def for_backends(body):
    return {f"spikingjelly/{backend}": body for backend in BACKENDS}


GROUPS = {
    "neurons": {**for_backends(lif_spikingjelly), "snntorch": lif_snntorch, "norse": lif_norse,
                "sinabs": lif_sinabs, "exodus": lif_exodus},
    "csnn": for_backends(csnn_spikingjelly),
    "mlp": {"snntorch": mlp_snntorch},
    "ssc": {**for_backends(ssc_spikingjelly), "spikingjelly/single": ssc_spikingjelly,
            "norse": ssc_norse, "sinabs": ssc_sinabs, "exodus": ssc_exodus},
}


def positive(text):
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more; got {text}")
    return int(text)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="*", metavar="group",
                        help=f"{', '.join(GROUPS)} (default: all)")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--device", default="cpu", help="cpu or cuda[:index]")
    parser.add_argument("--runs", type=positive, default=7, help="of each; the median is given")
    parser.add_argument("--batch-size", type=positive, default=128)
    parser.add_argument("--channels", type=positive, default=128, help="of csnn")
    parser.add_argument("--neurons", type=positive,
                        help="of the group neurons (default: 2^20 on CUDA devices, else 2^16)")
    parser.add_argument("--steps", type=positive, nargs="+", default=[8, 32, 128],
                        help="of the group neurons")
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0: torch's default")
    options = parser.parse_args()
    for group in options.groups:
        if group not in GROUPS:
            parser.error(f"there is no group '{group}'; there are {', '.join(GROUPS)}.")
    if options.neurons is None:
        options.neurons = 2 ** 16 if options.device == "cpu" else 2 ** 20
    return options


def main():
    options = parse_options()
    # Libraries greet on stdout: our lines go to the real one, everything else to stderr.
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    bench = Bench(options, output)
    for name in options.groups or GROUPS:
        bench.measure_peers(name, GROUPS[name])


if __name__ == "__main__":
    main()
