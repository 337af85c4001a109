"""What PyTorch, cuBLAS, Triton and the published scan's method do, on one GPU.

    python3 torch_side.py --out FILE.json [--library libscan.so] PART ...

Parts: matmul, scan, triton, dit, dim, dit-sweep, dim-sweep. Each is its own process in `run`, so that one that fails takes
no other with it. Times are medians of CUDA events after a warm-up.
"""
import argparse
import json
import statistics
import sys
import time
import traceback

import torch

BATCH, WIDTH, CHANNELS, STATES, RANK, TOKENS = 8, 1152, 2304, 16, 72, 16384
LENGTHS = (256, 1024, 4096, 16384)
START = time.time()


def say(text):
    print(f"[{time.time() - START:5.0f} s] {text}", flush=True)


class Results(list):
    """Written anew with every line, so that a part that is stopped keeps what it has."""

    def __init__(self, path):
        super().__init__()
        self.path, self.failed = path, []

    def append(self, line):
        super().append(line)
        self.save()

    def save(self):
        with open(self.path, "w") as file:
            json.dump(dict(device=torch.cuda.get_device_name(), torch=torch.__version__, failed=self.failed, cases=list(self)), file, indent=1)


def elapsed(run):
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    run()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end)


def milliseconds(run, seconds=0.15, most=100):
    """Median over runs timed one by one, after a warm-up: what the host adds counts."""
    run()
    estimate = min(elapsed(run), elapsed(run))
    runs = max(3, min(most, int(1000 * seconds / max(estimate, 1e-3))))
    for _ in range(runs // 2):
        run()
    return statistics.median(elapsed(run) for _ in range(runs))


def kernel_milliseconds(run, seconds=0.15):
    """Median over replays of a CUDA graph of several runs: Python and launches take no part in it."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        run()
        run()
    torch.cuda.current_stream().wait_stream(side)
    torch.cuda.synchronize()
    count = max(1, min(20, int(4 / max(elapsed(run), 1e-3))))
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(count):
            run()
    return milliseconds(graph.replay, seconds, most=40) / count


def record(results, name, shape, time_ms, work=0.0, unit="ms", **more):
    """Work in operations, bytes or states; the rate in 10^9 of them a second."""
    rate = work / time_ms * 1e-6 if work else None
    results.append(dict(name=name, shape=shape, milliseconds=time_ms, rate=rate, unit=unit, **more))
    say(f"{name:34} {shape:28} {time_ms:9.4f} ms" + (f" {rate:10.1f} {unit}" if rate else ""))


def matmul(results, _):
    x, y = torch.randn(1 << 29, device="cuda", dtype=torch.bfloat16), torch.empty(1 << 29, device="cuda", dtype=torch.bfloat16)
    record(results, "copy", "1 GiB", kernel_milliseconds(lambda: y.copy_(x)), 4 * x.numel(), "GB/s")
    del x, y
    shapes = (
        ("in_proj", 1, TOKENS, 2 * CHANNELS, WIDTH), ("out_proj", 1, TOKENS, WIDTH, CHANNELS),
        ("x_proj", 2, TOKENS, RANK + 2 * STATES, CHANNELS), ("dt_proj", 2, TOKENS, CHANNELS, RANK))
    for name, g, m, n, k in shapes:
        # x and W as batches of g, as the network holds them; a product over both directions is one call.
        x, w, dy = (torch.randn(s, device="cuda", dtype=torch.bfloat16) for s in ((g, m, k), (g, n, k), (g, m, n)))
        if g == 1:
            x, w, dy = x[0], w[0], dy[0]
        shape = f"{'' if g == 1 else f'{g}×'}{m}×{n}×{k}"
        for suffix, run in (
                ("forward", lambda: x @ w.mT), ("input", lambda: dy @ w), ("weight", lambda: dy.mT @ x)):
            moved = 2.0 * g * (m * k + n * k + m * n)
            record(results, f"linear.xl.{name}.{suffix}", shape, kernel_milliseconds(run), 2.0 * g * m * n * k, "GFLOP/s", bytes=moved)


def scan(results, options):
    import scan_cuda
    scan_cuda.load(options.library)
    for line in scan_cuda.check():
        results.append(line)
        say(f"{'ok   ' if line['good'] else 'WRONG'} {line['name']} {line['shape']} error {line['error']:.1e}, at most {line['limit']:.0e}")
    for dtype in (torch.bfloat16, torch.float32):
        for length in LENGTHS:
            work = 2.0 * BATCH * length * CHANNELS * STATES
            for name, run in scan_cuda.cases(BATCH, length, CHANNELS, dtype):
                record(results, f"cuda-scan.{name}", f"B{BATCH} L{length} E{CHANNELS} N{STATES} {str(dtype)[6:]}",
                       kernel_milliseconds(run), work, "G states/s")


def triton(results, _):
    import scan_cuda
    import triton_scan
    small = [v for v in scan_cuda.inputs(4, 256, 96, torch.float32)]
    rows = [v.mT.contiguous() if i in (0, 1, 3, 4) else v for i, v in enumerate(small)]
    flipped = [torch.cat([v[:2], v[2:].flip(-1)]) if i in (0, 1, 3, 4) else v for i, v in enumerate(small)]
    wanted = scan_cuda.reference(*(v.double() for v in flipped))
    wanted = torch.cat([wanted[:2], wanted[2:].flip(-1)]).mT
    error = ((triton_scan.forward(*rows).double() - wanted).norm() / wanted.norm()).item()
    results.append(dict(name="triton scan y", shape="L256 float32", error=error, limit=1e-4, good=error <= 1e-4))
    say(f"{'ok   ' if error <= 1e-4 else 'WRONG'} triton scan, error {error:.1e}")
    for length in LENGTHS:
        x = scan_cuda.inputs(2 * BATCH, length, CHANNELS, torch.bfloat16)
        x = [v.mT.contiguous() if i in (0, 1, 3, 4) else v for i, v in enumerate(x)]
        best = min(((kernel_milliseconds(lambda: triton_scan.forward(*x, block=block, warps=warps), 0.05), block, warps)
                    for block, warps in ((32, 1), (32, 2), (64, 2), (64, 4))))
        record(results, "triton-scan.forward", f"B{BATCH} L{length} E{CHANNELS} N{STATES} bfloat16", best[0],
               2.0 * BATCH * length * CHANNELS * STATES, "G states/s", block=best[1], warps=best[2])


def samples(network, batch):
    side = 2 * network.side
    return (torch.randn((batch, side * side * 4), device="cuda"), torch.rand(batch, device="cuda") * 999,
            torch.arange(1, batch + 1, device="cuda") % 1000)


def training_step(network):
    """bf16 autocast over float32 weights, fused AdamW, moving average; as DiT is trained, with its 2C outputs."""
    optimizer = torch.optim.AdamW(network.parameters, lr=0.0, weight_decay=0.0, fused=True)
    average = [p.detach().clone() for p in network.parameters]

    def prepare(batch):
        x, t, labels = samples(network, batch)
        target = torch.randn((batch, network.side ** 2, 32), device="cuda")

        def step():
            with torch.autocast("cuda", dtype=torch.bfloat16):
                output = network(x, t, labels)
            torch.nn.functional.mse_loss(output.float(), target).backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            torch._foreach_lerp_(average, [p.detach() for p in network.parameters], 1e-4)
        return step
    return prepare


def evaluation(network, graph):
    """One evaluation as sampling needs it, in bf16; replayed as a CUDA graph where that can be captured."""
    def prepare(batch):
        x, t, labels = samples(network, batch)

        @torch.no_grad()
        def evaluate():
            with torch.autocast("cuda", dtype=torch.bfloat16, cache_enabled=False):
                return network(x, t, labels)

        if not graph:
            return evaluate
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                evaluate()
        torch.cuda.current_stream().wait_stream(side)
        captured = torch.cuda.CUDAGraph()
        with torch.cuda.graph(captured):
            evaluate.output = evaluate()
        return captured.replay
    return prepare


def point(results, name, kind, prepare, batch, tokens, seconds=0.6):
    """One line: time and the most memory that PyTorch's allocator held; half the batch where memory ends."""
    while batch >= 1:
        try:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            run = prepare(batch)
            record(results, f"{name}.{kind}", f"B{batch} L{tokens}", milliseconds(run, seconds, most=10), bytes=torch.cuda.max_memory_allocated())
            return
        except torch.OutOfMemoryError:
            results.append(dict(name=f"{name}.{kind}", shape=f"B{batch} L{tokens}", error="out of memory"))
            say(f"{name} {kind} B{batch} L{tokens}: out of memory")
        run, batch = None, batch // 2


def model_of(name):
    import models
    torch.manual_seed(1)
    return {"dit": models.Dit, "dim": models.Dim}[name]()


def network(model, tokens, dynamic=None):
    import models
    return models.Network(model, tokens, dynamic=dynamic)


def headline(model, results):
    """Compiled for each shape by itself; sampling also as a CUDA graph."""
    torch._dynamo.config.recompile_limit = 64
    for train, batch, tokens in ((True, 64, 256), (True, 8, 4096), (False, 64, 256), (False, 8, 256), (False, 8, 4096)):
        torch._dynamo.reset()
        one = None
        one = network(model_of(model), tokens, dynamic=False)
        if train:
            point(results, model, "train", training_step(one), batch, tokens)
            continue
        for p in one.parameters:
            p.requires_grad_(False)
        point(results, model, "sample", evaluation(one, graph=False), batch, tokens)
        try:
            point(results, model, "sample-graph", evaluation(one, graph=True), batch, tokens)
        except Exception as e:
            say(f"no CUDA graph of {model}: {e}")
            results.append(dict(name=f"{model}.sample-graph", shape=f"B{batch} L{tokens}", error=str(e)))


def sweep(name, results, lengths, passes):
    """Memory and time at each length; the second length compiles for all that follow."""
    torch._dynamo.config.recompile_limit = 64
    for train in (p == "train" for p in passes):
        torch._dynamo.reset()
        model = model_of(name)
        for tokens in lengths:
            one = network(model, tokens)
            prepare = training_step(one) if train else evaluation(one, graph=False)
            point(results, name, "train-sweep" if train else "sample-sweep", prepare, BATCH, tokens, seconds=0.3)
            for p in one.parameters:
                p.grad = None
            one = prepare = None
        model = None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="+", choices=["matmul", "scan", "triton", "dit", "dim", "dit-sweep", "dim-sweep"])
    parser.add_argument("--out", required=True)
    parser.add_argument("--library", help="what nvcc made of scan.cu; needed by scan and dim")
    parser.add_argument("--lengths", nargs="+", type=int, default=LENGTHS, help="tokens of the sweeps; from 256 to 16,384 unless given")
    parser.add_argument("--passes", nargs="+", choices=["train", "sample"], default=["train", "sample"], help="of the sweeps")
    options = parser.parse_args()
    results = Results(options.out)
    torch.backends.cuda.matmul.allow_tf32 = True
    if options.library:
        import scan_cuda
        scan_cuda.load(options.library)
    say(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}")
    for part in options.parts:
        try:
            model, _, swept = part.partition("-")
            if model in ("dit", "dim"):
                if swept:
                    sweep(model, results, options.lengths, options.passes)
                else:
                    headline(model, results)
            else:
                {"matmul": matmul, "scan": scan, "triton": triton}[part](results, options)
        except Exception:
            results.failed.append(part)
            results.save()
            say(f"{part} FAILED:\n{traceback.format_exc()}")
    sys.exit(1 if results.failed or any(r.get("good") is False for r in results) else 0)


if __name__ == "__main__":
    main()
