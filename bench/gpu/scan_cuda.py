"""scan.cu from PyTorch: the library through ctypes, an operator that torch.compile sees, a check, and timings."""
import ctypes
import math

import torch

STATES = 16
DEVICE = "cuda"
_library = None


def load(path):
    global _library
    _library = ctypes.CDLL(path)
    _library.scan_tile.restype = ctypes.c_int


def tile(length):
    tokens = _library.scan_tile(length)
    if tokens == 0:
        raise ValueError(f"scan.cu takes multiples of 256, 512, 1024 or 2048 tokens, not {length}")
    return tokens


def _launch(function, tensors, batch, channels, length, directions, dtype):
    for tensor in tensors:
        assert tensor is None or tensor.is_contiguous(), f"not contiguous: {tensor.shape} {tensor.stride()}"
    pointers = [ctypes.c_void_p(0 if t is None else t.data_ptr()) for t in tensors]
    error = function(
        *pointers, batch, channels, length, directions, int(dtype == torch.bfloat16),
        ctypes.c_void_p(torch.cuda.current_stream().cuda_stream))
    if error:
        raise RuntimeError(f"scan.cu: CUDA error {error} at {batch} x {channels} x {length}, {dtype}")


@torch.library.custom_op("dim::scan_forward", mutates_args=())
def scan_forward(
        u: torch.Tensor, delta: torch.Tensor, a: torch.Tensor, b: torch.Tensor, c: torch.Tensor, d: torch.Tensor,
        keep: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """y and the states kept for the backward pass. u, delta (B, E, L); b, c (B, N, L); a (directions, E, N); d (directions, E)."""
    batch, channels, length = u.shape
    y = torch.empty_like(u)
    kept = torch.empty((batch, channels, length // tile(length), STATES, 2) if keep else (0,), dtype=torch.float32, device=u.device)
    _launch(_library.scan_forward, (u, delta, a, b, c, d, y, kept if keep else None), batch, channels, length, a.shape[0], u.dtype)
    return y, kept


@scan_forward.register_fake
def _(u, delta, a, b, c, d, keep):
    batch, channels, length = u.shape
    tiles = torch.sym_max(1, length // 2048)
    shape = (batch, channels, tiles, STATES, 2) if keep else (0,)
    return torch.empty_like(u), torch.empty(shape, dtype=torch.float32, device=u.device)


@torch.library.custom_op("dim::scan_backward", mutates_args=())
def scan_backward(
        u: torch.Tensor, delta: torch.Tensor, a: torch.Tensor, b: torch.Tensor, c: torch.Tensor, d: torch.Tensor,
        kept: torch.Tensor, dy: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """The gradients of u, delta, a, b, c and d; the last four in float32, summed by atomics."""
    batch, channels, length = u.shape
    du, ddelta = torch.empty_like(u), torch.empty_like(u)
    da, dd = torch.zeros_like(a), torch.zeros_like(d)
    db, dc = torch.zeros(b.shape, device=u.device), torch.zeros(c.shape, device=u.device)
    _launch(
        _library.scan_backward, (u, delta, a, b, c, d, kept, dy.contiguous(), du, ddelta, da, db, dc, dd),
        batch, channels, length, a.shape[0], u.dtype)
    return du, ddelta, da, db, dc, dd


@scan_backward.register_fake
def _(u, delta, a, b, c, d, kept, dy):
    like = lambda x: torch.empty(x.shape, dtype=torch.float32, device=x.device)
    return torch.empty_like(u), torch.empty_like(u), like(a), like(b), like(c), like(d)


def _keep_for_backward(ctx, inputs, output):
    ctx.save_for_backward(*inputs[:6], output[1])
    ctx.set_materialize_grads(False)


def _adjoint(ctx, dy, _):
    u, delta, a, b, c, d, kept = ctx.saved_tensors
    du, ddelta, da, db, dc, dd = scan_backward(u, delta, a, b, c, d, kept, dy)
    return du, ddelta, da, db.to(b.dtype), dc.to(c.dtype), dd, None


scan_forward.register_autograd(_adjoint, setup_context=_keep_for_backward)


def inputs(batch, length, channels, dtype, seed=1, directions=2):
    """Random inputs in the ranges of a trained model; batch counts the sequences of all directions."""
    g = torch.Generator(DEVICE).manual_seed(seed)
    normal = lambda *shape: torch.randn(shape, generator=g, device=DEVICE)
    delta = torch.exp(torch.rand((batch, channels, length), generator=g, device=DEVICE) * math.log(100) + math.log(1e-3))
    a = -torch.arange(1, STATES + 1, device=DEVICE, dtype=torch.float32).expand(directions, channels, STATES)
    return [
        normal(batch, channels, length).to(dtype), delta.to(dtype), a.contiguous(), normal(batch, STATES, length).to(dtype),
        normal(batch, STATES, length).to(dtype), normal(directions, channels)]


def reference(u, delta, a, b, c, d):
    """The definition, one token after another; autograd gives its adjoint."""
    half = u.shape[0] // a.shape[0]
    a, d = a.repeat_interleave(half, 0), d.repeat_interleave(half, 0)
    h, y = torch.zeros_like(a), []
    for u_t, delta_t, b_t, c_t in zip(*(v.unbind(-1) for v in (u, delta, b, c))):
        h = torch.exp(delta_t[..., None] * a) * h + (delta_t * u_t)[..., None] * b_t[:, None]
        y.append((h * c_t[:, None]).sum(-1) + d * u_t)
    return torch.stack(y, -1)


def check():
    """Relative errors of y and of every gradient against double precision, for each size of tile."""
    lines = []
    for dtype, limit in ((torch.float32, 1e-4), (torch.bfloat16, 1e-2)):
        for length in (256, 512, 1024, 4096):
            x = [v.requires_grad_() for v in inputs(4, length, 5, dtype)]
            exact = [v.detach().double().requires_grad_() for v in x]
            y, expected = scan_forward(*x, True)[0], reference(*exact)
            dy = torch.randn_like(y)
            y.backward(dy)
            expected.backward(dy.double())
            pairs = [("y", y, expected)] + [(n, v.grad, e.grad) for n, v, e in zip(("du", "ddelta", "dA", "dB", "dC", "dD"), x, exact)]
            for name, got, wanted in pairs:
                error = ((got.double() - wanted).norm() / wanted.norm()).item()
                lines.append(dict(name=f"cuda scan {name}", shape=f"L{length} {str(dtype)[6:]}", error=error, limit=limit, good=error <= limit))
    return lines


def cases(batch, length, channels, dtype):
    """Forward as sampling needs it, forward that keeps states, and backward; both directions, as two halves of one launch."""
    x = inputs(2 * batch, length, channels, dtype)
    y, kept = scan_forward(*x, True)
    dy = torch.randn_like(y)
    return [
        ("forward", lambda: scan_forward(*x, False)), ("forward-keeping", lambda: scan_forward(*x, True)),
        ("backward", lambda: scan_backward(*x, kept, dy))]
