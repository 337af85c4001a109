// The selective scan by the method of the published CUDA kernel, written anew from its description (Gu and Dao 2023,
// arXiv:2312.00752, section 3.3 and appendix D): what this project's own scan is held against.
//
//   nvcc -O3 -std=c++17 -arch=sm_90 --use_fast_math -shared -Xcompiler -fPIC -o libscan.so scan.cu
//
// Layout (batch, channel, token). A block of threads owns one channel of one batch element and walks its sequence in tiles
// of Threads x Items tokens. For each of the N states in turn it scans the pairs (a, b) = (exp(delta A), delta B u) with
// cub::BlockScan, the state at the end of a tile being the prefix of the next; the forward pass stores it for the
// backward pass, which scans every tile forward again and then from its right end. dB and dC are summed over the
// channels by atomics.
//
// softplus and the gate are left out. Of the sequences of a launch the first half has the first A and D, the second half
// the second: both directions of a bidirectional model in one launch. Nothing is flipped here.
#include <cub/block/block_exchange.cuh>
#include <cub/block/block_load.cuh>
#include <cub/block/block_reduce.cuh>
#include <cub/block/block_scan.cuh>
#include <cub/block/block_store.cuh>
#include <cuda_bf16.h>
#include <cuda_runtime.h>

constexpr int States = 16;
constexpr int Warp = 32;
constexpr float Log2E = 1.4426950408889634f;

// The map h -> x h + y.
using Map = float2;

struct Compose {
  __device__ Map operator()(Map first, Map then) const { return {then.x * first.x, fmaf(then.x, first.y, then.y)}; }
};

__device__ float widen(float x) { return x; }
__device__ float widen(__nv_bfloat16 x) { return __bfloat162float(x); }
__device__ void narrow(float &to, float x) { to = x; }
__device__ void narrow(__nv_bfloat16 &to, float x) { to = __float2bfloat16(x); }

// Carries the state from tile to tile.
struct Carry {
  Map running;
  __device__ Map operator()(Map total) {
    Map before = running;
    running = Compose()(running, total);
    return before;
  }
};

// What both passes do with a tile: 16-byte accesses, exchanged within the warp where a thread has several.
template <typename T, int Threads, int Items>
struct Tile {
  static constexpr int Vectors = Items * int(sizeof(T)) / 16;
  static_assert(Vectors >= 1, "A thread loads at least 16 bytes.");
  using Load = cub::BlockLoad<uint4, Threads, Vectors, Vectors == 1 ? cub::BLOCK_LOAD_DIRECT : cub::BLOCK_LOAD_WARP_TRANSPOSE>;
  using Store = cub::BlockStore<uint4, Threads, Vectors, Vectors == 1 ? cub::BLOCK_STORE_DIRECT : cub::BLOCK_STORE_WARP_TRANSPOSE>;
  using Scan = cub::BlockScan<Map, Threads, cub::BLOCK_SCAN_WARP_SCANS>;
  using Exchange = cub::BlockExchange<float, Threads, Items>;
  using Sum = cub::BlockReduce<float, Threads>;

  union Buffers {
    typename Load::TempStorage load;
    typename Store::TempStorage store;
  };

  static __device__ void load(const T *from, float (&x)[Items], Buffers &buffers) {
    union { uint4 vectors[Vectors]; T items[Items]; };
    __syncthreads();
    Load(buffers.load).Load(reinterpret_cast<const uint4 *>(from), vectors);
#pragma unroll
    for (int i = 0; i < Items; i++) x[i] = widen(items[i]);
  }

  static __device__ void store(T *to, const float (&x)[Items], Buffers &buffers) {
    union { uint4 vectors[Vectors]; T items[Items]; };
#pragma unroll
    for (int i = 0; i < Items; i++) narrow(items[i], x[i]);
    __syncthreads();
    Store(buffers.store).Store(reinterpret_cast<uint4 *>(to), vectors);
  }
};

struct Forward {
  const void *u, *delta, *b, *c;
  const float *a, *d;
  void *y;
  Map *kept;  // (batch, channel, tile, state); null where no gradient is wanted
  int batch, channels, length, directions;
};

template <typename T, int Threads, int Items>
__global__ void __launch_bounds__(Threads, Threads < 128 ? 5 : 3) forward(Forward p) {
  using Tile = Tile<T, Threads, Items>;
  __shared__ typename Tile::Buffers buffers;
  __shared__ typename Tile::Scan::TempStorage scan;
  __shared__ Map running[States];

  constexpr int Tokens = Threads * Items;
  const int channel = blockIdx.y, sequence = blockIdx.x, tiles = p.length / Tokens;
  const int weights = (sequence / (p.batch / p.directions) * p.channels + channel);
  const size_t row = (size_t(sequence) * p.channels + channel) * p.length, shared = size_t(sequence) * States * p.length;
  const T *b = static_cast<const T *>(p.b) + shared, *c = static_cast<const T *>(p.c) + shared;
  const float skip = p.d[weights];

  if (threadIdx.x < States) running[threadIdx.x] = {1.f, 0.f};
  for (int tile = 0; tile < tiles; tile++) {
    const int first = tile * Tokens;
    float u[Items], delta[Items], y[Items];
    Tile::load(static_cast<const T *>(p.u) + row + first, u, buffers);
    Tile::load(static_cast<const T *>(p.delta) + row + first, delta, buffers);
#pragma unroll
    for (int i = 0; i < Items; i++) {
      y[i] = skip * u[i];
      u[i] *= delta[i];
    }

    for (int n = 0; n < States; n++) {
      const float a = p.a[weights * States + n] * Log2E;
      float x[Items];
      Map maps[Items];
      Tile::load(b + size_t(n) * p.length + first, x, buffers);
#pragma unroll
      for (int i = 0; i < Items; i++) maps[i] = {exp2f(delta[i] * a), u[i] * x[i]};
      Tile::load(c + size_t(n) * p.length + first, x, buffers);

      Carry carry{running[n]};
      typename Tile::Scan(scan).InclusiveScan(maps, maps, Compose(), carry);
      if (threadIdx.x == 0) {
        running[n] = carry.running;
        if (p.kept) p.kept[((size_t(sequence) * p.channels + channel) * tiles + tile) * States + n] = carry.running;
      }
#pragma unroll
      for (int i = 0; i < Items; i++) y[i] = fmaf(maps[i].y, x[i], y[i]);
    }

    Tile::store(static_cast<T *>(p.y) + row + first, y, buffers);
  }
}

struct Backward {
  const void *u, *delta, *b, *c, *dy;
  const float *a, *d;
  const Map *kept;
  void *du, *ddelta;
  float *da, *dd, *db, *dc;  // cleared by the caller
  int batch, channels, length, directions;
};

// Scans maps from the block's last token to its first; `after` is the map of all later tiles, and becomes that of these too.
template <int Threads, int Items>
__device__ void scanFromTheRight(Map (&maps)[Items], Map (&totals)[Threads / Warp], Map &after) {
  Compose compose;
  const int lane = threadIdx.x % Warp, warp = threadIdx.x / Warp;
  Map total = maps[Items - 1];
#pragma unroll
  for (int i = Items - 2; i >= 0; i--) total = compose(total, maps[i]);
#pragma unroll
  for (int step = 1; step < Warp; step *= 2) {
    Map right{__shfl_down_sync(~0u, total.x, step), __shfl_down_sync(~0u, total.y, step)};
    if (lane + step < Warp) total = compose(right, total);
  }

  Map carried{__shfl_down_sync(~0u, total.x, 1), __shfl_down_sync(~0u, total.y, 1)};
  if (lane == Warp - 1) carried = {1.f, 0.f};
  if (lane == 0) totals[warp] = total;
  __syncthreads();
  Map before = after;
#pragma unroll
  for (int w = Threads / Warp - 1; w > 0; w--) {
    if (w > warp) before = compose(before, totals[w]);
  }

  carried = compose(before, carried);
#pragma unroll
  for (int i = Items - 1; i >= 0; i--) maps[i] = carried = compose(carried, maps[i]);
  __syncthreads();
  if (threadIdx.x == 0) after = carried;
}

template <typename T, int Threads, int Items>
__global__ void __launch_bounds__(Threads, Threads == 128 ? 3 : 1) backward(Backward p) {
  using Tile = Tile<T, Threads, Items>;
  __shared__ union {
    typename Tile::Buffers buffers;
    typename Tile::Exchange::TempStorage exchange;
  } memory;
  __shared__ typename Tile::Scan::TempStorage scan;
  __shared__ typename Tile::Sum::TempStorage sum;
  __shared__ Map totals[Threads / Warp], after[States];
  __shared__ float firstDecay[Threads + 1], nextDecay[States], da[States];

  constexpr int Tokens = Threads * Items;
  const int channel = blockIdx.y, sequence = blockIdx.x, tiles = p.length / Tokens, rank = threadIdx.x;
  const int weights = sequence / (p.batch / p.directions) * p.channels + channel;
  const size_t row = (size_t(sequence) * p.channels + channel) * p.length, shared = size_t(sequence) * States * p.length;
  const Map *kept = p.kept + (size_t(sequence) * p.channels + channel) * tiles * States;
  const float skip = p.d[weights];
  float dd = 0;

  if (rank < States) {
    after[rank] = {1.f, 0.f};
    nextDecay[rank] = 1.f;
    da[rank] = 0.f;
  }

  for (int tile = tiles - 1; tile >= 0; tile--) {
    const int first = tile * Tokens;
    float u[Items], delta[Items], dy[Items], du[Items], ddelta[Items];
    Tile::load(static_cast<const T *>(p.u) + row + first, u, memory.buffers);
    Tile::load(static_cast<const T *>(p.delta) + row + first, delta, memory.buffers);
    Tile::load(static_cast<const T *>(p.dy) + row + first, dy, memory.buffers);
#pragma unroll
    for (int i = 0; i < Items; i++) {
      du[i] = skip * dy[i];
      ddelta[i] = 0;
      dd = fmaf(u[i], dy[i], dd);
    }

    for (int n = 0; n < States; n++) {
      const float rate = p.a[weights * States + n], a = rate * Log2E;
      float b[Items], c[Items];
      Map states[Items], adjoints[Items];
      Tile::load(static_cast<const T *>(p.b) + shared + size_t(n) * p.length + first, b, memory.buffers);
      Tile::load(static_cast<const T *>(p.c) + shared + size_t(n) * p.length + first, c, memory.buffers);
#pragma unroll
      for (int i = 0; i < Items; i++) states[i] = {exp2f(delta[i] * a), delta[i] * u[i] * b[i]};

      // g_t = C_t dy_t + a_{t+1} g_{t+1}: each token needs the decay of the one after it.
      firstDecay[rank] = states[0].x;
      if (rank == 0) firstDecay[Threads] = nextDecay[n];
      __syncthreads();
#pragma unroll
      for (int i = 0; i < Items; i++) adjoints[i] = {i + 1 < Items ? states[i + 1].x : firstDecay[rank + 1], c[i] * dy[i]};
      if (rank == 0) nextDecay[n] = states[0].x;

      Carry carry{tile > 0 ? kept[(tile - 1) * States + n] : Map{1.f, 0.f}};
      typename Tile::Scan(scan).InclusiveScan(states, states, Compose(), carry);
      scanFromTheRight<Threads>(adjoints, totals, after[n]);

      float sums = 0, db[Items], dc[Items];
#pragma unroll
      for (int i = 0; i < Items; i++) {
        const float g = adjoints[i].y, input = u[i] * b[i], decayed = states[i].y - delta[i] * input;
        du[i] = fmaf(g * delta[i], b[i], du[i]);
        ddelta[i] = fmaf(g, fmaf(rate, decayed, input), ddelta[i]);
        sums = fmaf(g * delta[i], decayed, sums);
        db[i] = g * delta[i] * u[i];
        dc[i] = dy[i] * states[i].y;
      }

      // Neighbouring threads add to neighbouring tokens.
      typename Tile::Exchange exchange(memory.exchange);
      __syncthreads();
      exchange.BlockedToStriped(db, db);
      __syncthreads();
      exchange.BlockedToStriped(dc, dc);
      float *toB = p.db + shared + size_t(n) * p.length + first, *toC = p.dc + shared + size_t(n) * p.length + first;
#pragma unroll
      for (int i = 0; i < Items; i++) {
        atomicAdd(toB + i * Threads + rank, db[i]);
        atomicAdd(toC + i * Threads + rank, dc[i]);
      }

      sums = typename Tile::Sum(sum).Sum(sums);
      if (rank == 0) da[n] += sums;
    }

    Tile::store(static_cast<T *>(p.du) + row + first, du, memory.buffers);
    Tile::store(static_cast<T *>(p.ddelta) + row + first, ddelta, memory.buffers);
  }

  __syncthreads();
  dd = typename Tile::Sum(sum).Sum(dd);
  if (rank == 0) atomicAdd(p.dd + weights, dd);
  if (rank < States) atomicAdd(p.da + weights * States + rank, da[rank]);
}

// Threads and items for a length; 0 tokens where no tile fits.
static int tokensOf(int length) {
  for (int tokens : {2048, 1024, 512, 256}) {
    if (length >= tokens) return length % tokens == 0 ? tokens : 0;
  }
  return 0;
}

template <typename T>
static void launch(const Forward &p, dim3 grid, cudaStream_t stream) {
  switch (tokensOf(p.length)) {
    case 256: forward<T, 32, 8><<<grid, 32, 0, stream>>>(p); break;
    case 512: forward<T, 32, 16><<<grid, 32, 0, stream>>>(p); break;
    case 1024: forward<T, 64, 16><<<grid, 64, 0, stream>>>(p); break;
    default: forward<T, 128, 16><<<grid, 128, 0, stream>>>(p); break;
  }
}

template <typename T>
static void launch(const Backward &p, dim3 grid, cudaStream_t stream) {
  switch (tokensOf(p.length)) {
    case 256: backward<T, 32, 8><<<grid, 32, 0, stream>>>(p); break;
    case 512: backward<T, 32, 16><<<grid, 32, 0, stream>>>(p); break;
    case 1024: backward<T, 64, 16><<<grid, 64, 0, stream>>>(p); break;
    default: backward<T, 128, 16><<<grid, 128, 0, stream>>>(p); break;
  }
}

template <typename P>
static int launch(const P &p, int bf16, void *stream) {
  if (tokensOf(p.length) == 0 || p.batch % p.directions != 0) return cudaErrorInvalidValue;
  const dim3 grid(p.batch, p.channels);
  const auto on = static_cast<cudaStream_t>(stream);
  bf16 ? launch<__nv_bfloat16>(p, grid, on) : launch<float>(p, grid, on);
  return cudaGetLastError();
}

// Tokens from one kept state to the next; 0 where the length is no multiple of a tile.
extern "C" int scan_tile(int length) { return tokensOf(length); }

// Each returns a cudaError_t. Pointers are to device memory, all dense; a and d are float32 whatever the rest is.
extern "C" int scan_forward(
    const void *u, const void *delta, const float *a, const void *b, const void *c, const float *d, void *y, void *kept,
    int batch, int channels, int length, int directions, int bf16, void *stream) {
  return launch(Forward{u, delta, b, c, a, d, y, static_cast<Map *>(kept), batch, channels, length, directions}, bf16, stream);
}

extern "C" int scan_backward(
    const void *u, const void *delta, const float *a, const void *b, const void *c, const float *d, const void *kept,
    const void *dy, void *du, void *ddelta, float *da, float *db, float *dc, float *dd,
    int batch, int channels, int length, int directions, int bf16, void *stream) {
  return launch(
      Backward{u, delta, b, c, dy, a, d, static_cast<const Map *>(kept), du, ddelta, da, dd, db, dc, batch, channels, length, directions},
      bf16, stream);
}
